"""Bulk runs from the command line: started, continued, followed and looked at."""
