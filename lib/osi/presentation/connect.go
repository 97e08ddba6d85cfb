package presentation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// connectRequest sends CP (X.226 §6.2.4).
func (m *Machine) connectRequest(ev PConnectRequest) error {
	if ev.X410 != nil {
		return m.connectRequestX410(ev)
	}
	if err := checkContexts(ev.Contexts); err != nil {
		return err
	}
	definitions := make([]ContextDefinition, len(ev.Contexts))
	for i, c := range ev.Contexts {
		definitions[i] = ContextDefinition{Identifier: c.ID, AbstractSyntax: c.AbstractSyntax, TransferSyntaxes: c.TransferSyntaxes}
	}
	cp := &CP{Mode: ModeSelector{Mode: ModeNormal}, Normal: &CPNormal{
		CallingSelector:       ev.CallingSelector,
		CalledSelector:        ev.CalledSelector,
		ContextDefinitionList: definitions,
		UserData:              fullyEncode(ev.UserData),
	}}
	data, err := ber.Marshal(cp)
	if err != nil {
		return err
	}
	m.contexts = slices.Clone(ev.Contexts)
	s := ev.Session
	s.UserData = data
	m.enter(AwaitCPA)
	m.down(s)
	return nil
}

func (m *Machine) connectRequestX410(ev PConnectRequest) error {
	data, err := ber.Marshal(&CP{Mode: ModeSelector{Mode: ModeX410}, X410: &X410Parameters{Elements: ev.X410}})
	if err != nil {
		return err
	}
	s := ev.Session
	s.UserData = data
	m.mode = ModeX410
	m.enter(AwaitCPA)
	m.down(s)
	return nil
}

// maxContextDefinitions bounds the contexts of a connection; MHS has use for seven.
const maxContextDefinitions = 64

// checkContexts checks a context definition list (X.226 §6.2.2.7).
func checkContexts(list []Context) error {
	if len(list) == 0 || len(list) > maxContextDefinitions {
		return fmt.Errorf("context-definition-list: %d contexts", len(list))
	}
	for i, c := range list {
		if len(c.TransferSyntaxes) == 0 {
			return fmt.Errorf("context-definition-list: context %d: no transfer syntax", c.ID)
		}
		if slices.ContainsFunc(list[:i], func(o Context) bool { return o.ID == c.ID }) {
			return fmt.Errorf("context-definition-list: context %d defined twice", c.ID)
		}
	}
	return nil
}

// connectIndication reads CP. What cannot be read at all is aborted; what can be
// read but not served is refused with CPR (X.226 §6.2.5).
func (m *Machine) connectIndication(p session.SConnectIndication) {
	var cp CP
	if _, err := ber.Unmarshal(p.UserData, &cp, limits(p.UserData)); err != nil {
		m.abort(AbortUnrecognizedPPDU, nil, fmt.Errorf("CP: %w", err))
		return
	}
	switch {
	case cp.Mode.Mode == ModeX410 && cp.X410 != nil:
		m.mode = ModeX410
		m.enter(AwaitPConnectRsp)
		m.up(PConnectIndication{Mode: ModeX410, Session: p, X410: cp.X410.components()})
		return
	case cp.Mode.Mode != ModeNormal || cp.Normal == nil:
		m.abort(AbortInvalidParamValue, eventID(EventCP), fmt.Errorf("CP: no parameters of %s", cp.Mode.Mode))
		return
	}
	n := cp.Normal
	m.contexts = m.propose(n.ContextDefinitionList)
	if err := checkContexts(m.contexts); err != nil {
		m.abort(AbortInvalidParamValue, eventID(EventCP), fmt.Errorf("CP: %w", err))
		return
	}
	switch {
	case n.ProtocolVersion != nil && !n.ProtocolVersion.At(0):
		m.refuse(RefusedVersion)
	case !selectorMatches(m.params.Selector, n.CalledSelector):
		m.refuse(RefusedAddressUnknown)
	case n.DefaultContextName != nil:
		m.refuse(RefusedDefaultContext)
	default:
		data, err := n.UserData.values(nil)
		if err != nil {
			m.refuse(RefusedUserDataNotReadable)
			return
		}
		m.enter(AwaitPConnectRsp)
		m.up(PConnectIndication{
			Mode:            ModeNormal,
			CallingSelector: n.CallingSelector,
			CalledSelector:  n.CalledSelector,
			Contexts:        slices.Clone(m.contexts),
			Session:         p,
			UserData:        data,
		})
	}
}

// propose turns a context definition list into contexts with the provider's own
// results (X.226 §6.2.2.8).
func (m *Machine) propose(list []ContextDefinition) []Context {
	contexts := make([]Context, len(list))
	for i, d := range list {
		c := Context{ID: d.Identifier, AbstractSyntax: d.AbstractSyntax, TransferSyntaxes: d.TransferSyntaxes}
		switch {
		case m.params.Syntaxes != nil && !slices.Contains(m.params.Syntaxes, d.AbstractSyntax):
			c.Result, c.Reason = ProviderRejection, ContextAbstractSyntaxUnsupported
		case !slices.Contains(d.TransferSyntaxes, BasicEncoding):
			c.Result, c.Reason = ProviderRejection, ContextTransferSyntaxUnsupported
		default:
			c.TransferSyntax = BasicEncoding
		}
		contexts[i] = c
	}
	return contexts
}

// refuse is the provider's refusal: CPR with its reason; the user is not told.
func (m *Machine) refuse(r ProviderReason) {
	data, err := ber.Marshal(&CPR{Normal: &CPRNormal{ResultList: results(m.contexts), ProviderReason: &r}})
	if err != nil {
		m.abort(AbortUnspecified, nil, fmt.Errorf("CPR: %w", err))
		return
	}
	m.enter(Closed)
	m.down(session.SConnectRefusal{Reason: session.RefuseUserData, UserData: data})
	m.up(PPAbortIndication{Err: fmt.Errorf("presentation: refused: %s", r)})
}

// results gives the result list in the order of the definition list.
func results(contexts []Context) []ContextResult {
	list := make([]ContextResult, len(contexts))
	for i, c := range contexts {
		list[i] = ContextResult{Result: c.Result}
		switch c.Result {
		case Acceptance:
			list[i].TransferSyntax = c.TransferSyntax
		case ProviderRejection:
			reason := c.Reason
			list[i].Reason = &reason
		}
	}
	return list
}

// settle takes the results the user answered with. Only an acceptance may become
// a rejection.
func (m *Machine) settle(answer []Context) error {
	if answer == nil {
		return nil
	}
	if len(answer) != len(m.contexts) {
		return fmt.Errorf("result-list: %d results for %d contexts", len(answer), len(m.contexts))
	}
	for i, c := range answer {
		if c.Result == UserRejection && m.contexts[i].Result == Acceptance {
			m.contexts[i].Result, m.contexts[i].TransferSyntax = UserRejection, ""
		}
	}
	return nil
}

// connectResponse sends CPA (X.226 §6.2.5.6).
func (m *Machine) connectResponse(ev PConnectResponse) error {
	if err := m.settle(ev.Contexts); err != nil {
		return err
	}
	cpa := &CPA{Mode: ModeSelector{Mode: m.mode}}
	if m.mode == ModeX410 {
		cpa.X410 = &X410Parameters{Elements: ev.X410}
	} else {
		cpa.Normal = &CPANormal{
			RespondingSelector: ev.RespondingSelector,
			ResultList:         results(m.contexts),
			UserData:           fullyEncode(ev.UserData),
		}
	}
	data, err := ber.Marshal(cpa)
	if err != nil {
		return err
	}
	s := ev.Session
	s.UserData = data
	m.enter(Connected)
	m.down(s)
	return nil
}

// connectRefusal sends CPR without a provider reason (X.226 §7.1.3.2).
func (m *Machine) connectRefusal(ev PConnectRefusal) error {
	cpr := &CPR{Normal: &CPRNormal{
		RespondingSelector: ev.RespondingSelector,
		ResultList:         results(m.contexts),
		UserData:           fullyEncode(ev.UserData),
	}}
	if m.mode == ModeX410 {
		cpr = &CPR{X410: &X410Parameters{Elements: ev.X410}}
	}
	data, err := ber.Marshal(cpr)
	if err != nil {
		return err
	}
	s := ev.Session
	s.UserData = data
	m.enter(Closed)
	m.down(s)
	return nil
}

// connectConfirm reads CPA.
func (m *Machine) connectConfirm(p session.SConnectConfirm) {
	var cpa CPA
	if _, err := ber.Unmarshal(p.UserData, &cpa, limits(p.UserData)); err != nil {
		m.abort(AbortUnrecognizedPPDU, nil, fmt.Errorf("CPA: %w", err))
		return
	}
	switch {
	case cpa.Mode.Mode != m.mode:
		m.abort(AbortInvalidParamValue, eventID(EventCPA), fmt.Errorf("CPA: %s in answer to %s", cpa.Mode.Mode, m.mode))
		return
	case m.mode == ModeX410 && cpa.X410 != nil:
		m.enter(Connected)
		m.up(PConnectConfirm{Session: p, X410: cpa.X410.components()})
		return
	case m.mode == ModeX410 || cpa.Normal == nil:
		m.abort(AbortInvalidParamValue, eventID(EventCPA), fmt.Errorf("CPA: no parameters of %s", cpa.Mode.Mode))
		return
	}
	err := m.takeResults(cpa.Normal.ResultList)
	var data []PDV
	if err == nil {
		data, err = cpa.Normal.UserData.values(m.contexts)
	}
	if err != nil {
		m.abort(AbortInvalidParamValue, eventID(EventCPA), fmt.Errorf("CPA: %w", err))
		return
	}
	m.enter(Connected)
	m.up(PConnectConfirm{
		RespondingSelector: cpa.Normal.RespondingSelector,
		Contexts:           slices.Clone(m.contexts),
		Session:            p,
		UserData:           data,
	})
}

// takeResults enters a result list into the contexts proposed.
func (m *Machine) takeResults(list []ContextResult) error {
	if len(list) != len(m.contexts) {
		return fmt.Errorf("result-list: %d results for %d contexts", len(list), len(m.contexts))
	}
	for i, r := range list {
		c := &m.contexts[i]
		if r.Result < Acceptance || r.Result > ProviderRejection {
			return fmt.Errorf("result-list: context %d: result %d", c.ID, r.Result)
		}
		if r.Result == Acceptance && !slices.Contains(c.TransferSyntaxes, r.TransferSyntax) {
			return fmt.Errorf("result-list: context %d: transfer syntax %q was not proposed", c.ID, r.TransferSyntax)
		}
		c.Result, c.TransferSyntax, c.Reason = r.Result, r.TransferSyntax, ContextUnspecified
		if r.Reason != nil {
			c.Reason = *r.Reason
		}
	}
	return nil
}

// connectRefused reads CPR, if there is one: a refusal of the session has none
// (X.226 §6.2.5.8).
func (m *Machine) connectRefused(p session.SConnectRefused) {
	m.enter(Closed)
	ind := PConnectRefused{Source: RefusedBySession, Session: p}
	if p.Reason != session.RefuseUserData || len(p.UserData) == 0 {
		m.up(ind)
		return
	}
	var cpr CPR
	if _, err := ber.Unmarshal(p.UserData, &cpr, limits(p.UserData)); err != nil {
		m.up(PPAbortIndication{Reason: AbortUnrecognizedPPDU, Err: fmt.Errorf("presentation: CPR: %w", err)})
		return
	}
	ind.Source = RefusedByUser
	if n := cpr.Normal; n != nil {
		if n.ProviderReason != nil {
			ind.Source, ind.ProviderReason = RefusedByProvider, *n.ProviderReason
		}
		if n.ResultList != nil && m.takeResults(n.ResultList) == nil {
			ind.Contexts = slices.Clone(m.contexts)
		}
		data, err := n.UserData.values(nil)
		if err != nil {
			m.up(PPAbortIndication{Reason: AbortInvalidParamValue, Event: eventID(EventCPR), Err: fmt.Errorf("presentation: CPR: %w", err)})
			return
		}
		ind.UserData = data
	} else {
		ind.X410 = cpr.X410.components()
	}
	m.up(ind)
}

// Find returns the first context of the abstract syntax that has been accepted, or, with
// an error, the first that has not: a peer may propose one for each transfer syntax.
func Find(contexts []Context, syntax asn1.OID) (Context, error) {
	var rejected Context
	err := fmt.Errorf("presentation: no context of %s", syntax)
	for _, c := range contexts {
		switch {
		case c.AbstractSyntax != syntax:
		case c.Result == Acceptance:
			return c, nil
		case !errors.Is(err, errRejected):
			rejected = c
			err = fmt.Errorf("presentation: context %d of %s: %w", c.ID, syntax, errRejected)
		}
	}
	return rejected, err
}

var errRejected = errors.New("rejected")
