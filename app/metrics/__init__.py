"""What operators measure: counters, gauges and histograms, in the form that Prometheus reads.

`docs/metrics.md` lists them all. A process says which of them are its own and shows them: the front door at `/metrics`,
everybody else by `serving.serve` where MERGELANE_METRICS_ADDRESS says. A metric of a new process is made beside those
of its kind, counted where the thing happens, and told in the document.
"""
