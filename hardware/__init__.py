"""What stands beside a shop's computers: printers and paper. A client of the server like any other."""
