package main

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/submit"
)

// recipients are the flags that begin a recipient or say something of one, in the order of
// the command line: that tells whose they are.
type recipients struct{ said []saying }

type saying struct{ flag, text string }

// flag is one of them. The library keeps the values of each flag, and no order among them.
func (r *recipients) flag(name, usage string) ucli.Flag {
	return &ucli.GenericFlag{Name: name, Usage: usage, Value: &said{r, name}}
}

type said struct {
	all  *recipients
	flag string
}

func (s *said) Set(text string) error {
	s.all.said = append(s.all.said, saying{s.flag, text})
	return nil
}

func (s *said) String() string { return "" }

// address makes those of --to the recipients, if there are any.
func (r *recipients) address(s *submit.Submission) error {
	var to []oraddr.Address
	for _, w := range r.said {
		if w.flag != "to" {
			continue
		}
		a, err := cli.Address("--to", w.text)
		if err != nil {
			return err
		}
		to = append(to, a)
	}
	if len(to) == 0 {
		return nil
	}
	return s.Address(to...)
}

// each sets what is said of one recipient, after what is said of all.
func (r *recipients) each(s *submit.Submission) error {
	at := -1
	chosen := false // methods of its own
	for _, w := range r.said {
		if w.flag == "to" {
			at, chosen = at+1, false
			continue
		}
		if at < 0 {
			return cli.Usage("--%s follows the --to of the recipient it is about", w.flag)
		}
		f := &s.PerRecipientFields[at]
		var err error
		switch w.flag {
		case "its-report":
			err = ask(f, w)
		case "its-alternate":
			err = alternate(f, w)
		case "its-delivery-method":
			err = deliverBy(f, w, chosen)
			chosen = true
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func ask(f *mts.PerRecipientMessageTransferFields, w saying) error {
	request, err := reportRequest(w)
	if err == nil {
		f.Ask(max(request, mts.ReportNonDelivery), request)
	}
	return err
}

// reportRequest reads what an originator may ask for.
func reportRequest(w saying) (mts.ReportRequest, error) {
	switch w.text {
	case "none":
		return mts.ReportNone, nil
	case "non-delivery":
		return mts.ReportNonDelivery, nil
	case "delivery":
		return mts.ReportAlways, nil
	}
	return 0, cli.Usage("--%s %q is not none, non-delivery or delivery", w.flag, w.text)
}

// alternate names who is to have it instead; an empty address is nobody.
func alternate(f *mts.PerRecipientMessageTransferFields, w saying) error {
	if w.text == "" {
		f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient.Type())
		return nil
	}
	a, err := cli.Address("--"+w.flag, w.text)
	if err != nil {
		return err
	}
	name, err := a.ORName()
	if err != nil {
		return diag.E("--"+w.flag, diag.Data, err)
	}
	f.Extensions, err = mts.SetExt(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient, name)
	return err
}

// deliverBy adds a method of delivery to those chosen, or is the first.
func deliverBy(f *mts.PerRecipientMessageTransferFields, w saying, chosen bool) error {
	m, err := deliveryMethod(w)
	if err != nil {
		return err
	}
	var methods []mts.DeliveryMethod
	if chosen {
		if methods, _, err = mts.Ext(f.Extensions, mts.ExtRequestedDeliveryMethod); err != nil {
			return err
		}
	}
	f.Extensions, err = mts.SetExt(f.Extensions, mts.ExtRequestedDeliveryMethod, append(methods, m))
	return err
}
