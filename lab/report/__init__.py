"""The demonstration's report: `report.json`, and pages made from it alone."""
