package queue

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/wild"
)

// Verbs of a Request.
const (
	VerbList    = "list"
	VerbShow    = "show"
	VerbTree    = "tree"
	VerbStatus  = "status"
	VerbConfig  = "config"
	VerbLook    = "look" // for nodes of a routing tree that is not held; see channel.Host.Look
	VerbHold    = "hold"
	VerbRelease = "release"
	VerbRetry   = "retry"
	VerbExpire  = "expire"
	VerbReject  = "reject"
	VerbDelete  = "delete"
	VerbCancel  = "cancel"

	// Of a channel or a peer, which the filter names, and not of messages.
	VerbMinimize   = "minimize"
	VerbDisable    = "disable"
	VerbEnable     = "enable"
	VerbDelay      = "delay"
	VerbConnect    = "connect"
	VerbDisconnect = "disconnect"
)

// Request is what a tool asks of the keeper.
type Request struct {
	Verb   string   `json:"verb"`
	IDs    []string `json:"ids,omitempty"` // spool identifiers or their beginnings
	All    bool     `json:"all,omitempty"` // every message the filter lets through
	Filter Filter   `json:"filter,omitzero"`
	DryRun bool     `json:"dryRun,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Who    string   `json:"who,omitempty"`

	Failure *spool.Failure `json:"failure,omitempty"` // of VerbReject: what the report is to say
	Held    bool           `json:"held,omitempty"`    // of VerbReject: only the recipients that are held

	Through string    `json:"through,omitempty"` // of VerbMinimize: urgent, normal or off
	From    time.Time `json:"from,omitzero"`     // of VerbMinimize
	Until   time.Time `json:"until,omitzero"`    // of VerbMinimize and VerbDelay; zero: no end, no delay

	Tree  string   `json:"tree,omitempty"`  // of VerbLook
	Names []string `json:"names,omitempty"` // of VerbLook
}

// Acts tells whether the request changes something.
func (q *Request) Acts() bool {
	switch q.Verb {
	case VerbHold, VerbRelease, VerbRetry, VerbExpire, VerbReject, VerbDelete, VerbCancel,
		VerbMinimize, VerbDisable, VerbEnable, VerbDelay, VerbConnect, VerbDisconnect:
		return !q.DryRun
	}
	return false
}

// Filter lets a message through if every criterion that is set holds.
type Filter struct {
	Channel  string        `json:"channel,omitempty"`
	Peer     string        `json:"peer,omitempty"`
	Priority string        `json:"priority,omitempty"`
	State    string        `json:"state,omitempty"`
	Older    time.Duration `json:"older,omitempty"`
	Newer    time.Duration `json:"newer,omitempty"`
	From     string        `json:"from,omitempty"` // address pattern
	To       string        `json:"to,omitempty"`
	HeldBy   string        `json:"heldBy,omitempty"` // rule, with wild cards
	Late     bool          `json:"late,omitempty"`   // it has waited for longer than it should
}

// States of a recipient in a Row.
const (
	StateQueued    = "queued"
	StateActive    = "active"
	StateDeferred  = "deferred"
	StateHeld      = "held"
	StateReporting = "reporting"
)

// Row is one queued recipient.
type Row struct {
	ID          string    `json:"id"`
	MTSID       string    `json:"mtsid"`
	Kind        string    `json:"kind"`
	Priority    string    `json:"priority"`
	State       string    `json:"state"`
	Wish        string    `json:"wish,omitempty"` // what happens when the transfer in progress ends
	Age         int64     `json:"age"`            // seconds since acceptance
	Accepted    time.Time `json:"accepted"`
	Deferred    time.Time `json:"deferredDelivery,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Size        int64     `json:"size"`
	ProbeSize   int64     `json:"probeSize,omitempty"` // the content length a probe asks about
	Channel     string    `json:"channel,omitempty"`
	Peer        string    `json:"peer,omitempty"`
	N           int       `json:"n"`
	Recipient   string    `json:"recipient"`
	Originator  string    `json:"originator"`
	Subject     string    `json:"subject,omitempty"`
	ContentType string    `json:"contentType,omitempty"`
	Attempts    int       `json:"attempts"`
	Next        time.Time `json:"next,omitzero"` // attempt
	Reason      string    `json:"reason,omitempty"`
	InDoubt     bool      `json:"inDoubt,omitempty"` // sent before, and not answered for
	Late        bool      `json:"late,omitempty"`    // it has waited for longer than it should
	HeldBy      string    `json:"heldBy,omitempty"`  // while it is held: the rule that did when it came
}

// ChannelRow is one channel of the tree.
type ChannelRow struct {
	Channel      string    `json:"channel"`
	State        string    `json:"state"` // in a word
	Enabled      bool      `json:"enabled"`
	Running      bool      `json:"running"`
	Failures     int       `json:"failures,omitempty"`
	RestartAt    time.Time `json:"restartAt,omitzero"`
	MaxJobs      int       `json:"maxJobs"`
	MaxPerPeer   int       `json:"maxPerPeer"`
	Moved        string    `json:"moved,omitempty"` // what the self-test has moved of these
	Jobs         int       `json:"jobs"`
	Associations int       `json:"associations"`
	Peers        []PeerRow `json:"peers"`

	Reason          string    `json:"reason,omitempty"` // of the last failure of its process, or why it is disabled
	ReservedUrgent  int       `json:"reservedUrgent"`
	ReservedNormal  int       `json:"reservedNormal"`
	Overdue         int       `json:"overdue,omitempty"`         // jobs that went because they had been passed over
	MaxAssociations int       `json:"maxAssociations,omitempty"` // and the next, of a channel that has them
	MaxPerHost      int       `json:"maxPerHost,omitempty"`
	OpenAt          time.Time `json:"openAt,omitzero"` // when the next association may be opened
	Minimize        string    `json:"minimize,omitempty"`
	MinimizeUntil   time.Time `json:"minimizeUntil,omitzero"`
	SwitchJobs      int       `json:"switchJobs"` // of all channels
	SwitchMaxJobs   int       `json:"switchMaxJobs,omitempty"`
}

// PeerRow is one peer of a channel.
type PeerRow struct {
	Peer         string    `json:"peer"`
	State        string    `json:"state"` // in a word
	Enabled      bool      `json:"enabled"`
	Calls        bool      `json:"calls,omitempty"` // it has no address: only it opens associations
	Urgent       int       `json:"urgent"`          // messages waiting, by priority
	Normal       int       `json:"normal"`
	NonUrgent    int       `json:"nonUrgent"`
	Held         int       `json:"held"`
	Active       int       `json:"active"`
	Associations int       `json:"associations"`
	Opening      int       `json:"opening,omitempty"` // associations, by us
	Oldest       int64     `json:"oldest"`            // seconds; 0: nothing waits
	Failures     int       `json:"failures"`
	DelayUntil   time.Time `json:"delayUntil,omitzero"`
	Reason       string    `json:"reason,omitempty"`
	Shut         bool      `json:"shut,omitempty"`    // outside its window
	NextCall     time.Time `json:"nextCall,omitzero"` // with or without anything to send
	WindowOpens  time.Time `json:"windowOpens,omitzero"`
	WindowEnds   time.Time `json:"windowEnds,omitzero"`
	Credentials  string    `json:"credentials,omitempty"` // of the bind; whoever asks fills it in

	Late          int       `json:"late"`               // messages that have waited for longer than they should
	HostFull      bool      `json:"hostFull,omitempty"` // no association more may be opened with its host
	Minimize      string    `json:"minimize,omitempty"` // what is less urgent is held back
	MinimizeUntil time.Time `json:"minimizeUntil,omitzero"`
}

// StatusRow is how the switch is.
type StatusRow struct {
	MTA           string    `json:"mta"`
	Domain        string    `json:"domain"`
	Running       bool      `json:"running"`
	PID           int       `json:"pid,omitempty"`
	Since         time.Time `json:"since,omitzero"`
	ConfigVersion string    `json:"configVersion"`
	Urgent        int       `json:"urgent"`
	Normal        int       `json:"normal"`
	NonUrgent     int       `json:"nonUrgent"`
	Recipients    int       `json:"recipients"`
	Active        int       `json:"active"`

	SelfTest *SelfTestRow `json:"selfTest,omitempty"`
	Config   *live.Status `json:"config,omitempty"` // where the configuration comes from
}

// SelfTestRow is what a running switch has measured of itself, in a time that is over.
type SelfTestRow struct {
	Since    time.Time       `json:"since"` // the beginning of that time
	Seconds  float64         `json:"seconds"`
	Barriers int             `json:"barriers"`
	Barrier  measure.Summary `json:"barrier"`
	Channels []MeasuredRow   `json:"channels,omitempty"`
	Limits   []LimitRow      `json:"limits,omitempty"` // those with bounds
}

// MeasuredRow is what a channel has done in that time.
type MeasuredRow struct {
	Channel   string          `json:"channel"`
	Jobs      int             `json:"jobs"` // that ended well
	PerSecond float64         `json:"perSecond"`
	Job       measure.Summary `json:"job"` // how long one took
}

// LimitRow is a limit that is moved.
type LimitRow struct {
	Channel    string    `json:"channel"`
	Limit      string    `json:"limit"`
	Configured int       `json:"configured"`
	Least      int       `json:"least"`
	Most       int       `json:"most"`
	Now        int       `json:"now"`
	Since      time.Time `json:"since,omitzero"` // moved last
	Reason     string    `json:"reason,omitempty"`
}

// Moved says where it is, if not where it was configured.
func (r *LimitRow) Moved() string {
	if r.Now == r.Configured {
		return ""
	}
	return fmt.Sprintf("%s %d to %d", r.Limit, r.Configured, r.Now)
}

// DetailRow is everything about one message.
type DetailRow struct {
	Envelope   *spool.Envelope `json:"envelope"`
	Path       string          `json:"path"`
	Recipients []Row           `json:"recipients"`
	Log        []spool.Record  `json:"log,omitempty"`
}

// ActRow is a message, or a channel or peer, a verb was done to.
type ActRow struct {
	ID    string `json:"id,omitempty"`
	Verb  string `json:"verb"`
	Waits bool   `json:"waits,omitempty"` // some recipient is in flight: done when it comes back
	Note  string `json:"note,omitempty"`

	// Of a verb that is about these; none: all that have associations.
	Channel string    `json:"channel,omitempty"`
	Peer    string    `json:"peer,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Answer is one line of an answer: exactly one member is set. Config is what the daemon
// goes by, without its passwords.
type Answer struct {
	Row     *Row         `json:"row,omitempty"`
	Channel *ChannelRow  `json:"channel,omitempty"`
	Status  *StatusRow   `json:"status,omitempty"`
	Config  *conf.Config `json:"config,omitempty"`
	Detail  *DetailRow   `json:"detail,omitempty"`
	Act     *ActRow      `json:"act,omitempty"`
	Nodes   []conf.Node  `json:"nodes,omitempty"` // of VerbLook
	Error   *Trouble     `json:"error,omitempty"`
	End     bool         `json:"end,omitempty"` // of the answer

	row []byte // the JSON of Row as it came, if this program would write it so
}

// Trouble is an error on its way to a tool.
type Trouble struct {
	Text string    `json:"text"`
	Kind diag.Kind `json:"kind"`
	Hint string    `json:"hint,omitempty"`
}

// Troubled is the answer that something has gone wrong.
func Troubled(err error) Answer { return Answer{Error: trouble(err)} }

func trouble(err error) *Trouble {
	return &Trouble{Text: err.Error(), Kind: diag.KindOf(err), Hint: diag.HintOf(err)}
}

func (t *Trouble) err() error {
	return diag.WithHint(diag.New("", t.Kind, t.Text), t.Hint)
}

// matcher is a Filter ready to be asked.
type matcher struct {
	Filter
	from, to *oraddr.Pattern
	heldBy   []string // between the wild cards
}

func newMatcher(f Filter) (*matcher, error) {
	m := &matcher{Filter: f, heldBy: strings.Split(f.HeldBy, "*")}
	if f.Priority != "" {
		if _, err := spool.ParsePriority(f.Priority); err != nil || len(f.Priority) == 1 {
			return nil, diag.E("filter", diag.Usage, fmt.Errorf("priority %q is not urgent, normal or non-urgent", f.Priority))
		}
	}
	states := []string{StateQueued, StateActive, StateDeferred, StateHeld, StateReporting}
	if f.State != "" && !slices.Contains(states, f.State) {
		return nil, diag.E("filter", diag.Usage, fmt.Errorf("state %q is not one of %s", f.State, strings.Join(states, ", ")))
	}
	for _, p := range []struct {
		text string
		to   **oraddr.Pattern
	}{{f.From, &m.from}, {f.To, &m.to}} {
		if p.text == "" {
			continue
		}
		pattern, err := oraddr.ParsePattern(p.text)
		if err != nil {
			return nil, diag.E("filter", diag.Usage, err)
		}
		*p.to = &pattern
	}
	return m, nil
}

// passes tells whether a message, given as its recipients, is let through: each
// criterion holds for the message or for some recipient. A criterion that is not set
// does not count.
func (m *matcher) passes(rows []Row) bool {
	some := func(f func(r *Row) bool) bool {
		return slices.ContainsFunc(rows, func(r Row) bool { return f(&r) })
	}
	age := time.Duration(rows[0].Age) * time.Second
	return (m.Priority == "" || rows[0].Priority == m.Priority) &&
		(m.Older == 0 || age > m.Older) &&
		(m.Newer == 0 || age < m.Newer) &&
		(m.HeldBy == "" || some(m.holds)) &&
		(!m.Late || some(func(r *Row) bool { return r.Late })) &&
		(m.Channel == "" || some(func(r *Row) bool { return r.Channel == m.Channel })) &&
		(m.Peer == "" || some(func(r *Row) bool { return r.Peer == m.Peer })) &&
		(m.State == "" || some(func(r *Row) bool { return r.State == m.State })) &&
		(m.from == nil || matches(m.from, rows[0].Originator)) &&
		(m.to == nil || some(func(r *Row) bool { return matches(m.to, r.Recipient) }))
}

// holds tells whether a rule, or one of a set, that is asked for holds a recipient.
func (m *matcher) holds(r *Row) bool {
	set, _, _ := strings.Cut(r.HeldBy, "/")
	return r.HeldBy != "" && (wild.Match(m.heldBy, r.HeldBy) || wild.Match(m.heldBy, set))
}

// matches tells whether an address text matches; what is no address matches nothing.
func matches(p *oraddr.Pattern, text string) bool {
	a, err := oraddr.Parse(text)
	if err != nil {
		return false
	}
	ok, _ := p.Match(a)
	return ok
}

// SocketPath is where the keeper of a live spool answers.
func SocketPath(dir string) string { return filepath.Join(dir, "ctl", "keeper") }

// Who names the user of this process, for the logs.
func Who() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// Submitter is the source of what the user of this process submits.
func Submitter() spool.Source {
	return spool.Source{Channel: rule.Submitted, Association: Who(), Identity: Who(), Mechanism: rule.ByLocal}
}
