"""The report is made of a record alone: no service is needed here."""
