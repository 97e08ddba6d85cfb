package conf

import (
	"encoding/json"
	"strconv"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// The values of List.Reports.
const (
	ReportsToOriginator = "originator" // or to the list this one is a member of
	ReportsToOwner      = "owner"
	ReportsToBoth       = "both"
	ReportsToNobody     = "none"
)

// MaxMembers bounds the members of one list: they are the recipients of one message.
const MaxMembers = MaxRecipients

// List is a distribution list this MTA expands (X.402 §12.1.1, mhs-distribution-list).
type List struct {
	Address string   `json:"address" toml:"address"`           // O/R address
	Members []string `json:"members,omitempty" toml:"members"` // O/R addresses, of lists too
	Submit  []string `json:"submit,omitempty" toml:"submit"`   // Permissions; empty: anybody
	Owner   string   `json:"owner,omitempty" toml:"owner"`     // O/R address

	// The policy of the list, mhs-dl-policy: what is changed for its members.
	Reports              string   `json:"reports" toml:"reports"` // who gets the reports on members
	ReportFromDL         string   `json:"report-from-dl" toml:"report-from-dl"`
	OriginatingMTAReport string   `json:"originating-mta-report" toml:"originating-mta-report"`
	OriginatorReport     string   `json:"originator-report" toml:"originator-report"`
	ReturnOfContent      string   `json:"return-of-content" toml:"return-of-content"`
	Priority             string   `json:"priority" toml:"priority"`
	Disclosure           string   `json:"disclosure-of-other-recipients" toml:"disclosure-of-other-recipients"`
	ImplicitConversion   string   `json:"implicit-conversion" toml:"implicit-conversion"`
	ConversionWithLoss   string   `json:"conversion-with-loss" toml:"conversion-with-loss"`
	FurtherExpansion     bool     `json:"further-dl-expansion-allowed" toml:"further-dl-expansion-allowed"`
	AlternateRemoved     bool     `json:"originator-requested-alternate-removed" toml:"originator-requested-alternate-removed"`
	ProofOfDelivery      string   `json:"proof-of-delivery" toml:"proof-of-delivery"`
	DeliveryMethods      []string `json:"requested-delivery-method,omitempty" toml:"requested-delivery-method"` // empty: unchanged
}

// NewList returns a List with the defaults, which are those of X.402.
func NewList() List {
	return List{Reports: ReportsToOriginator, ReportFromDL: ReportWheneverRequested, OriginatingMTAReport: Unchanged, OriginatorReport: Unchanged,
		ReturnOfContent: Unchanged, Priority: Unchanged, Disclosure: Unchanged, ImplicitConversion: Unchanged, ConversionWithLoss: Unchanged,
		FurtherExpansion: true, AlternateRemoved: true, ProofOfDelivery: ProofByMembers}
}

// UnmarshalJSON has the default for what is not there: the last good configuration on disk may
// be that of a version which did not know it.
func (l *List) UnmarshalJSON(text []byte) error {
	type list List // without this method
	of := list(NewList())
	err := json.Unmarshal(text, &of)
	*l = List(of)
	return err
}

// defaultExpand is the name of the channel that Complete makes.
const defaultExpand = "expand"

// ExpandChannel returns the name of the channel that expands lists and redirects; empty
// if there is none, which Complete does not leave so.
func (c *Config) ExpandChannel() string {
	for _, ch := range c.Channels {
		if ch.Kind == KindExpand {
			return ch.Name
		}
	}
	return ""
}

// Makes tells whether the processes of a channel make messages and send nothing: what they make is
// a child that its parent's log is to name.
func (c *Channel) Makes() bool { return c.Kind == KindExpand || c.Kind == KindSecure }

// completeExpand makes the channel of kind expand that no configuration need name: an
// originator may request an alternate recipient of any MTA.
func (c *Config) completeExpand() {
	if _, taken := c.Channel(defaultExpand); len(c.Channels) == 0 || c.ExpandChannel() != "" || taken {
		return
	}
	ch := NewChannel()
	ch.Name, ch.Kind = defaultExpand, KindExpand
	c.Channels = append(c.Channels, ch)
}

// lists checks the lists and what there is of alternates.
func (v *validator) lists() {
	names := map[string]int{}
	for i, l := range v.c.Lists {
		v.entry("list", i, l.Address)
		if v.required("address", l.Address) {
			v.userAddress(names, l.Address)
			v.notUser(l.Address)
		}
		if len(l.Members) > MaxMembers {
			v.faultf("members", "%d members; a list has at most %d, and may have lists for members", len(l.Members), MaxMembers)
			continue
		}
		for k, m := range l.Members {
			v.recipient("members["+strconv.Itoa(k)+"]", m)
		}
		for k, s := range l.Submit {
			v.permission("submit["+strconv.Itoa(k)+"]", s)
		}
		if l.Owner != "" {
			v.recipient("owner", l.Owner)
		}
		switch l.Reports {
		case ReportsToOriginator, ReportsToNobody:
		case ReportsToOwner, ReportsToBoth:
			if l.Owner == "" {
				v.faultf("reports", "%s, and the list has no owner", l.Reports)
			}
		default:
			v.faultf("reports", "%s is not originator, owner, both or none", quote([]byte(l.Reports)))
		}
		v.policy(&l)
	}
	if named, ok := v.c.Channel(defaultExpand); ok && v.c.ExpandChannel() == "" {
		v.in("")
		v.faultf("", "[[channel]] %s is of kind %s, and there is none of kind %s", named.Name, named.Kind, KindExpand)
	}
}

// notUser reports a list that has the address of a user.
func (v *validator) notUser(list string) {
	for i, u := range v.c.Users {
		if sameAddress(u.Address, list) {
			v.faultf("address", "equals the address of [[user]] number %d", i+1)
		}
	}
}

// recipient checks an address that messages are sent on to.
func (v *validator) recipient(key, text string) {
	a, err := oraddr.Parse(text)
	if err == nil {
		err = a.Valid()
	}
	if err != nil {
		v.fault(key, err)
	}
}

func sameAddress(x, y string) bool {
	a, err := oraddr.Parse(x)
	if err != nil {
		return false
	}
	b, err := oraddr.Parse(y)
	return err == nil && a.Equal(b)
}
