"""What the application brings of others: locked versions, licences, known vulnerabilities."""
