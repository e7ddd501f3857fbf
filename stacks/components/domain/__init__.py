"""The OpenSearch domain, who may do what in it, and the index's set-up."""
