package conf

import "testing"

// What comes and goes is counted, with a name of what has gone; what is only different is not.
func TestChanges(t *testing.T) {
	was, is := sample(), sample()
	if got := Changes(was, is); got != "" {
		t.Errorf("%q of the same", got)
	}
	is.Users = append(is.Users, User{Address: "/S=New/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"})
	is.Routes = is.Routes[1:]
	is.Peers[0].Name = "MTA-X"
	is.Channels[0].MaxJobs++
	want := "peer: 1 more, 1 less (MTA-B); route: 1 less (/PRMD=BRAVO/ADMD=TEST/C=GB/); user: 1 more"
	if got := Changes(was, is); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
