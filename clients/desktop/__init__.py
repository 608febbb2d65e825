"""What all windows share: the look, the texts, calls off the window's thread, the line, tables, scans."""
