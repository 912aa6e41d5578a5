"""One file and one public function for each command."""
