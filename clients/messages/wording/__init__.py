"""The texts, one TOML file a language. A shop's own file may stand in the place of any of them."""
