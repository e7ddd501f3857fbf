"""The functions' handlers: parse the event, call the application, render the answer."""
