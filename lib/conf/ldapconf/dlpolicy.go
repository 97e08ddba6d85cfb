package ldapconf

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1/gser"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
)

// dlPolicy is the attribute with all keys of the policy of a list (X.402).
const dlPolicy = "mhs-dl-policy"

const listClass = "mtakitList"

// methodComponent is the component of a DLPolicy that is a CHOICE.
const methodComponent = "requested-delivery-method"

// policyComponent is a component of a DLPolicy that is a name with a number.
type policyComponent struct {
	name, key string
	values    []policyValue
}

type policyValue struct {
	word   string // of mta.toml(5)
	name   string // of X.402
	number int    // ours alone, if it is negative
}

// policyComponents are those of X.402 that have a word each in mta.toml(5).
var policyComponents = []policyComponent{
	{"report-propagation", "reports", []policyValue{{conf.ReportsToOriginator, "previous-dl-or-originator", 0}, {conf.ReportsToOwner, "dl-owner", 1},
		{conf.ReportsToBoth, "both-previous-and-owner", 2}, {conf.ReportsToNobody, "none", -1}}},
	{"report-from-dl", "report-from-dl", same(0, conf.ReportWheneverRequested, conf.ReportWhenNoPropagation)},
	{"originating-MTA-report", "originating-mta-report", append(same(0, conf.Unchanged), same(2, conf.PolicyReport, conf.PolicyNonDelivery, conf.PolicyAuditedReport)...)},
	{"originator-report", "originator-report", same(0, conf.Unchanged, conf.PolicyNoReport, conf.PolicyReport, conf.PolicyNonDelivery)},
	{"return-of-content", "return-of-content", []policyValue{{conf.Unchanged, conf.Unchanged, 0},
		{conf.PolicyNotRequested, "content-return-not-requested", 1}, {conf.PolicyRequested, "content-return-requested", 2}}},
	{"priority", "priority", same(0, conf.Unchanged, mts.Normal.String(), mts.NonUrgent.String(), mts.Urgent.String())},
	{"disclosure-of-other-recipients", "disclosure-of-other-recipients", []policyValue{{conf.Unchanged, conf.Unchanged, 0},
		{conf.PolicyProhibited, "disclosure-of-other-recipients-prohibited", 1}, {conf.PolicyAllowed, "disclosure-of-other-recipients-allowed", 2}}},
	{"implicit-conversion-prohibited", "implicit-conversion", []policyValue{{conf.Unchanged, conf.Unchanged, 0},
		{conf.PolicyAllowed, "implicit-conversion-allowed", 1}, {conf.PolicyProhibited, "implicit-conversion-prohibited", 2}}},
	{"conversion-with-loss-prohibited", "conversion-with-loss", []policyValue{{conf.Unchanged, conf.Unchanged, 0},
		{conf.PolicyAllowed, "conversion-with-loss-allowed", 1}, {conf.PolicyProhibited, "conversion-with-loss-prohibited", 2}}},
	{"proof-of-delivery", "proof-of-delivery", same(0, "dl-expansion-point", conf.ProofByMembers, "both", conf.ProofByNobody)},
}

// same are words that X.402 has, too, numbered from first on.
func same(first int, words ...string) (all []policyValue) {
	for i, w := range words {
		all = append(all, policyValue{w, w, first + i})
	}
	return all
}

// The components that are a BOOLEAN, and their keys.
var policyFlags = map[string]string{
	"further-dl-expansion-allowed":                     "further-dl-expansion-allowed",
	"originator-requested-alternate-recipient-removed": "originator-requested-alternate-removed",
}

// passedOver are components that mean nothing to this MTA.
var passedOver = []string{"token-encryption-algorithm-preference", "token-signature-algorithm-preference"}

// listAttributes are those of the standards for the keys of a list.
func listAttributes() map[string]string {
	all := map[string]string{"address": "mhs-or-addresses", "members": "mhs-dl-members", "submit": "mhs-dl-submit-permissions", methodComponent: dlPolicy}
	for _, c := range policyComponents {
		all[c.key] = dlPolicy
	}
	for _, key := range policyFlags {
		all[key] = dlPolicy
	}
	return all
}

// ofKey is the member of a list that has a key.
func ofKey(l *conf.List, key string) reflect.Value {
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("toml") == key {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// policyText writes the policy of a list, "" if it is the default.
func policyText(l *conf.List) string {
	otherwise := conf.NewList()
	g := gser.Value{Kind: gser.Sequence}
	for _, c := range policyComponents {
		is := ofKey(l, c.key).String()
		if is == ofKey(&otherwise, c.key).String() {
			continue
		}
		for _, v := range c.values {
			if v.word == is {
				is = v.name
				break
			}
		}
		g = g.With(c.name, gser.Identifier(is))
	}
	for _, name := range []string{"further-dl-expansion-allowed", "originator-requested-alternate-recipient-removed"} {
		if is := ofKey(l, policyFlags[name]).Bool(); !is {
			g = g.With(name, gser.Boolean(is))
		}
	}
	switch {
	case len(l.DeliveryMethods) == 1 && l.DeliveryMethods[0] == conf.MethodsRemoved:
		g = g.With(methodComponent, gser.Alternative("removed", gser.Identifier("NULL")))
	case len(l.DeliveryMethods) > 0:
		list := gser.ListOf()
		for _, m := range l.DeliveryMethods {
			list.Components = append(list.Components, gser.Component{Value: gser.Identifier(m)})
		}
		g = g.With(methodComponent, gser.Alternative("replaced", list))
	}
	if len(g.Components) == 0 {
		return ""
	}
	return g.String()
}

// policy reads that of a list, which has one.
func (d *decoder) policy(l *conf.List, e *Entry) {
	values := e.get(dlPolicy)
	var err error
	switch len(values) {
	case 0:
	case 1:
		err = setPolicy(l, values[0])
	default:
		err = fmt.Errorf("%d values; it has one", len(values))
	}
	if err != nil {
		d.fail(text(e.DN), fmt.Errorf("%s: %w", dlPolicy, err))
	}
}

// setPolicy reads a DLPolicy. What the words may be is for whoever validates the list.
func setPolicy(l *conf.List, text string) error {
	g, err := gser.Parse(text)
	if err != nil {
		return err
	}
	parts, err := sequence(g)
	if err != nil {
		return err
	}
	for _, c := range policyComponents {
		if v, ok := parts.take(c.name); ok {
			word, err := c.word(v)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			ofKey(l, c.key).SetString(word)
		}
	}
	for name, key := range policyFlags {
		if v, ok := parts.take(name); ok {
			if v.Text != "TRUE" && v.Text != "FALSE" {
				return fmt.Errorf("%s: %s is neither TRUE nor FALSE", name, clip(v.String()))
			}
			ofKey(l, key).SetBool(v.Text == "TRUE")
		}
	}
	if v, ok := parts.take(methodComponent); ok {
		if err := setMethods(l, v); err != nil {
			return fmt.Errorf("%s: %w", methodComponent, err)
		}
	}
	for _, name := range passedOver {
		parts.take(name)
	}
	return parts.rest()
}

// word is that of mta.toml(5) for a value, which is a name or a number.
func (c *policyComponent) word(g gser.Value) (string, error) {
	for _, v := range c.values {
		if g.Kind == gser.Word && (g.Text == v.name || v.number >= 0 && g.Text == strconv.Itoa(v.number)) {
			return v.word, nil
		}
	}
	return "", fmt.Errorf("%s is none of X.402", clip(g.String()))
}

// setMethods reads the CHOICE of what becomes of the delivery methods.
func setMethods(l *conf.List, g gser.Value) error {
	if g.Kind != gser.Choice {
		return fmt.Errorf("%s is no choice, which is written name:value", clip(g.String()))
	}
	switch name, value := g.Components[0].Name, g.Components[0].Value; name {
	case "unchanged":
		l.DeliveryMethods = nil
	case "removed":
		l.DeliveryMethods = []string{conf.MethodsRemoved}
	case "replaced":
		if value.Kind != gser.List || len(value.Components) == 0 {
			return errors.New("replaced: no list of methods, which is written { a, b }")
		}
		l.DeliveryMethods = nil
		for _, c := range value.Components {
			text := c.Value.Text
			if n, err := strconv.ParseUint(text, 10, 8); err == nil {
				text = mts.DeliveryMethod(n).String()
			}
			l.DeliveryMethods = append(l.DeliveryMethods, text)
		}
	default:
		return fmt.Errorf("%s is none of unchanged, removed and replaced", clip(name))
	}
	return nil
}
