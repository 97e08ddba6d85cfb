package conf

// Run says as whom the processes of channels run, by the kind of the channel: users by name
// or number; empty: as the user the spool belongs to.
type Run struct {
	X400P1 string `json:"x400p1,omitempty" toml:"x400p1"`
	Expand string `json:"expand,omitempty" toml:"expand"`
	Local  string `json:"local,omitempty" toml:"local"`
	Secure string `json:"secure,omitempty" toml:"secure"`
}

// As returns the user of the processes of a kind of channel.
func (r *Run) As(kind string) string {
	switch kind {
	case KindX400P1:
		return r.X400P1
	case KindExpand:
		return r.Expand
	case KindLocal:
		return r.Local
	case KindSecure:
		return r.Secure
	}
	return ""
}
