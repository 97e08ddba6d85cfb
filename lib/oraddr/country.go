package oraddr

// Alpha2 returns c.
func Alpha2(c string) string { return c }
