"""What a user wants: the intent file, from YAML to frozen values in canonical units."""
