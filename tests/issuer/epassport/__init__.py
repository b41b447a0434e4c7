"""Reading passports' chips."""
