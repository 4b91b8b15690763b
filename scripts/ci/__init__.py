"""What continuous integration runs beside `berth`: set-up, the preview's comment, lifetimes, drift."""
