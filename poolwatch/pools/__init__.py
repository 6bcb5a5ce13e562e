"""One module for each driver whose pools can be watched."""
