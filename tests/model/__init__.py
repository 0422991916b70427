"""A model of the job protocol, explored completely."""
