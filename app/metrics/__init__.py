"""Counters, gauges and histograms in Prometheus's text form; `docs/metrics.md` lists them.

One module for each kind of process. Web serves its metrics at `/metrics`; the other processes serve them with
`serving.serve_metrics` at MERGELANE_METRICS_ADDRESS.
"""
