"""What looks at all the others: metrics, dashboard, alarms, saved queries."""
