"""Contract suites, emulated instruments and fakes: for the tests here and for plugins."""
