package oraddr

// Upper bounds of the lists, MTSUpperBounds.
const (
	maxUnits       = 4
	maxDDAs        = 4
	maxPostalLines = 6
)
