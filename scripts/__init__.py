"""The command line ``imagesearch``: package the model, deploy, run locally, ingest, search."""
