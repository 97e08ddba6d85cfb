package simulate

import (
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Day is what happens to a switch, as mtactl-simulate(1) describes it. Schedule, Channels
// and Peers are those of mta.toml(5), and empty where the day is for another
// configuration.
type Day struct {
	Day      Span           `toml:"day"`
	Switch   Switch         `toml:"switch"`
	Traffic  []Traffic      `toml:"traffic"`
	Links    []Link         `toml:"link"`
	Outages  []Outage       `toml:"outage"`
	Schedule conf.Schedule  `toml:"schedule"`
	Channels []conf.Channel `toml:"channel"`
	Peers    []conf.Peer    `toml:"peer"`
}

// Span is the day itself.
type Span struct {
	Title  string        `toml:"title"`
	Begins time.Time     `toml:"begins"`
	Lasts  conf.Duration `toml:"lasts"`
	After  conf.Duration `toml:"after"`  // without new messages
	Sample conf.Duration `toml:"sample"` // between two points of the series; 0: a 96th
	Seed   int           `toml:"seed"`
}

// Switch is what the switch itself takes.
type Switch struct {
	Start conf.Duration `toml:"start"` // of a channel process
	Work  conf.Duration `toml:"work"`  // for each transfer, one after the other
}

// Traffic is messages of one kind.
type Traffic struct {
	Name        string            `toml:"name"`
	Messages    int               `toml:"messages"`
	Priority    string            `toml:"priority"`
	From        conf.Duration     `toml:"from"`
	Until       conf.Duration     `toml:"until"` // 0: the end of the day
	Shape       []float64         `toml:"shape"` // how many in each of so many equal parts, relatively
	Even        bool              `toml:"even"`  // at equal distances, not at random
	To          []string          `toml:"to"`    // peers, or channels without; empty: every peer
	ToWeights   []float64         `toml:"to-weights"`
	Recipients  int               `toml:"recipients"` // of a message
	Size        []quantity.Octets `toml:"size"`
	SizeWeights []float64         `toml:"size-weights"`
}

// Default returns a Traffic with the defaults.
func (Traffic) Default() any { return NewTraffic() }

// NewTraffic returns a Traffic with the defaults.
func NewTraffic() Traffic { return Traffic{Priority: "normal", Recipients: 1} }

// Link is the way to a peer, or what a channel without associations delivers to.
type Link struct {
	Peer       string        `toml:"peer"`
	Channel    string        `toml:"channel"`
	Latency    conf.Duration `toml:"latency"`   // there and back
	Bandwidth  Bandwidth     `toml:"bandwidth"` // of all associations together; 0 is no limit
	Answer     conf.Duration `toml:"answer"`    // from the last octet until the yes, besides
	Accepts    int           `toml:"accepts"`   // associations; 0 is no limit
	Alternates []string      `toml:"alternates"`
	Deferred   float64       `toml:"deferred"`   // share of the transfers that are to be tried again
	Refused    float64       `toml:"refused"`    // share that fails for good
	CallEvery  conf.Duration `toml:"call-every"` // the peer calls
	CallFor    conf.Duration `toml:"call-for"`
}

// Default returns a Link with the defaults.
func (Link) Default() any { return NewLink() }

// NewLink returns a Link with the defaults.
func NewLink() Link {
	return Link{Latency: conf.Duration(50 * time.Millisecond), CallFor: conf.Duration(time.Minute)}
}

// Outage is a time during which a peer cannot be reached, or a channel's process does not
// run.
type Outage struct {
	Peer    string        `toml:"peer"`
	Channel string        `toml:"channel"`
	From    conf.Duration `toml:"from"`
	Lasts   conf.Duration `toml:"lasts"`
	Silent  bool          `toml:"silent"` // nobody says no: who calls waits for open-timeout
}

// New returns a Day with the defaults.
func New() *Day {
	return &Day{
		Day:      Span{Begins: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Lasts: conf.Duration(24 * time.Hour), Seed: 1},
		Switch:   Switch{Start: conf.Duration(200 * time.Millisecond)},
		Schedule: conf.New().Schedule,
	}
}

// Own tells that the day brings its own channels and peers.
func (d *Day) Own() bool { return len(d.Channels) > 0 }

// sample is the time between two points of the series.
func (d *Day) sample() time.Duration {
	if d.Day.Sample > 0 {
		return d.Day.Sample.D()
	}
	return max((d.Day.Lasts.D()+d.Day.After.D())/96, time.Millisecond)
}
