package session

import (
	"errors"
	"fmt"
)

// The actions of the state tables on SPDUs received. Numbers in brackets are the
// specific actions of X.225 Table A.6.

// connect takes CN: OA, an indication, or RF when no version is common.
func (m *Machine) connect(in *input) error {
	cn := in.spdu.(*CN)
	m.offered = m.params.Versions
	m.proposed, m.setting = cn.Requirements, cn.Item.Tokens
	for _, t := range []Tokens{TokenData, TokenMinorSync, TokenMajorActivity, TokenRelease} {
		if cn.Requirements.tokens().Has(t) && m.setting.Side(t) > CalledChoice {
			return fmt.Errorf("token setting %02x: reserved", uint8(m.setting))
		}
	}
	m.version = (m.offered & cn.Item.Versions).highest()
	switch {
	case m.version == 0:
		rf := &RF{Transport: ReleaseTransport, Versions: m.offered, ReasonCode: []byte{byte(RefuseVersion)}}
		if err := m.transmit(nil, rf); err != nil {
			return err
		}
		m.state = STA16
		m.act(StartTimer{})
		return nil
	case cn.Overflow && m.version != Version2:
		return errors.New("data overflow in version 1")
	case cn.Overflow:
		if err := m.bound(len(cn.UserData)); err != nil {
			return err
		}
		m.connectBegun = cn
		m.state = STA01D
		return m.transmit(nil, &OA{Versions: Version2})
	}
	m.indicateCN(cn)
	return nil
}

func (m *Machine) indicateCN(cn *CN) {
	ind := SConnectIndication{
		Identifier:   cn.Identifier,
		CallingSSEL:  cn.CallingSSEL,
		CalledSSEL:   cn.CalledSSEL,
		Requirements: cn.Requirements,
		Tokens:       cn.Item.Tokens,
		Versions:     m.params.Versions & cn.Item.Versions,
		UserData:     cn.UserData,
	}
	if s := cn.Item.InitialSerial; s != nil {
		ind.InitialSerial = *s
	}
	m.state, m.common = STA08, ind.Versions
	m.act(ind)
}

// overflow takes CDO: [50] until the last.
func (m *Machine) overflow(in *input) error {
	cdo := in.spdu.(*CDO)
	cn := m.connectBegun
	if err := m.bound(len(cn.UserData) + len(cdo.UserData)); err != nil {
		return err
	}
	cn.UserData = append(cn.UserData[:len(cn.UserData):len(cn.UserData)], cdo.UserData...)
	if cdo.Enclosure.Ends() {
		m.connectBegun = nil
		m.indicateCN(cn)
	}
	return nil
}

// overflowAccepted takes OA: [51].
func (m *Machine) overflowAccepted(in *input) error {
	if in.spdu.(*OA).Versions&Version2 == 0 {
		return errors.New("version 2 is not selected")
	}
	m.offered = Version2
	rest := m.connectData
	m.connectData = nil
	for len(rest) > 0 {
		n := min(len(rest), segmentData)
		cdo := &CDO{Enclosure: EnclosureMiddle, UserData: rest[:n]}
		if rest = rest[n:]; len(rest) == 0 {
			cdo.Enclosure = EnclosureEnd
		}
		b, err := Append(nil, cdo)
		if err != nil {
			return err
		}
		m.act(TDataRequest{TSDU: [][]byte{b}})
	}
	return nil
}

// accepted takes AC: [5], [11].
func (m *Machine) accepted(in *input) error {
	ac := in.spdu.(*AC)
	version := (m.offered & ac.Item.Versions).highest()
	if version == 0 {
		return fmt.Errorf("version %v: %v was proposed", ac.Item.Versions, m.offered)
	}
	if ac.Requirements.Has(HalfDuplex | Duplex) {
		return errors.New("both half-duplex and duplex selected")
	}
	units := m.proposed & ac.Requirements
	if units&(HalfDuplex|Duplex) == 0 {
		return fmt.Errorf("units %v: %v were proposed", ac.Requirements, m.proposed)
	}
	setting, err := chosen(m.setting, ac.Item.Tokens, units.tokens())
	if err != nil {
		return err
	}
	serial := SerialNumber(0)
	if s := ac.Item.InitialSerial; s != nil {
		serial = *s
	}
	m.begin(version, units, setting, InitiatorSide, serial)
	m.act(SConnectConfirm{
		Identifier:     ac.Identifier,
		RespondingSSEL: ac.RespondingSSEL,
		Requirements:   ac.Requirements,
		Tokens:         setting,
		Please:         ac.Please,
		InitialSerial:  serial,
		UserData:       in.data,
	})
	return nil
}

// chosen completes a proposed token setting by the answer to it: the answer
// counts where the choice was the called SS-user's (X.225 §8.3.4.11).
func chosen(proposed, answer TokenSetting, available Tokens) (TokenSetting, error) {
	var out TokenSetting
	for shift := 0; shift < 8; shift += 2 {
		t := Tokens(1) << shift
		if !available.Has(t) {
			continue
		}
		side := proposed.Side(t)
		if side == CalledChoice {
			side = answer.Side(t)
		}
		if side > ResponderSide {
			return 0, fmt.Errorf("token setting %02x: the called SS-user has to choose for %v", uint8(answer), t)
		}
		out |= TokenSetting(side) << shift
	}
	return out, nil
}

// begin enters the data transfer phase on the given side.
func (m *Machine) begin(version Versions, units FunctionalUnits, setting TokenSetting, side TokenSide, serial SerialNumber) {
	m.version, m.selected, m.available = version, units, units.tokens()
	for _, t := range []Tokens{TokenData, TokenMinorSync, TokenMajorActivity} {
		if m.available.Has(t) && setting.Side(t) == side {
			m.owned |= t
		}
	}
	m.va, m.vm = serial, serial
}

func (m *Machine) refused(in *input) error {
	rf := in.spdu.(*RF)
	out := SConnectRefused{Identifier: rf.Identifier, Versions: rf.Versions}
	if rf.Requirements != nil {
		out.Requirements = *rf.Requirements
	}
	if len(in.data) > 0 {
		out.Reason = RefuseReason(in.data[0])
		if len(in.data) > 1 {
			out.UserData = in.data[1:]
		}
	}
	m.connectData = nil
	m.act(out, TDisconnectRequest{})
	return nil
}

func (m *Machine) indicateDT(in *input) error {
	s := in.spdu.(*DT)
	if err := m.dt.follow(s.Enclosure); err != nil {
		return err
	}
	m.act(SDataIndication{Enclosure: s.Enclosure.Part(true, true), UserData: s.UserInformation})
	return nil
}

// indicateTD takes TD. There is no use for much of it: it is put together.
func (m *Machine) indicateTD(in *input) error {
	s := in.spdu.(*TD)
	if err := m.td.follow(s.Enclosure); err != nil {
		return err
	}
	data := s.UserInformation
	if !s.Enclosure.Begins() || !s.Enclosure.Ends() {
		if err := m.bound(len(m.td.data) + len(data)); err != nil {
			return err
		}
		m.td.data = append(m.td.data, data...)
		data = m.td.data
	}
	if s.Enclosure.Ends() {
		m.td.data = nil
		m.act(STypedDataIndication{UserData: data})
	}
	return nil
}

// ssdu is an S-DATA or S-TYPED-DATA unit that comes.
type ssdu struct {
	open bool
	data []byte // S-TYPED-DATA: what has come
}

// follow judges whether the next of it may be what has the enclosure item.
func (s *ssdu) follow(e Enclosure) error {
	switch {
	case e.Begins() && s.open:
		return errors.New("amid the segments of another SSDU")
	case !e.Begins() && !s.open:
		return errors.New("segment without a beginning")
	}
	s.open = !e.Ends()
	return nil
}

// indicateMIP takes MIP: [23].
func (m *Machine) indicateMIP(in *input) error {
	s := in.spdu.(*MIP)
	if s.Type&SyncDataSeparation != 0 {
		return errors.New("data separation is not selected")
	}
	m.act(SSyncMinorIndication{Type: s.Type, Serial: s.Serial, UserData: in.data})
	return m.countMIP(in)
}

func (m *Machine) countMIP(*input) error {
	if !m.vsc {
		m.va = m.vm
	}
	m.vsc = true
	m.vm++
	return nil
}

// indicateMIA takes MIA: [25].
func (m *Machine) indicateMIA(in *input) error {
	m.act(SSyncMinorConfirm{Serial: in.serial, UserData: in.data})
	return m.countMIA(in)
}

func (m *Machine) countMIA(in *input) error {
	m.va = in.serial + 1
	return nil
}

// indicateAE takes AE: [31].
func (m *Machine) indicateAE(in *input) error {
	m.act(SActivityEndIndication{Serial: in.serial, UserData: in.data})
	return m.countAE(in)
}

func (m *Machine) countAE(*input) error {
	if !m.vsc {
		m.va = m.vm
	}
	m.vm++
	return nil
}

// ended takes AEA: [14], [22].
func (m *Machine) ended(in *input) error {
	m.vact = false
	m.va = m.vm
	m.act(SActivityEndConfirm{Serial: in.serial, UserData: in.data})
	return nil
}

// crossed takes AEA that has crossed AI or AD.
func (m *Machine) crossed(in *input) error {
	m.act(SActivityEndCrossed{Serial: in.serial})
	return nil
}

func (m *Machine) indicateAD(in *input) error {
	m.dt = ssdu{}
	m.act(SActivityDiscardIndication{Reason: in.spdu.(*AD).Reason, UserData: in.data})
	return nil
}

func (m *Machine) indicateAI(in *input) error {
	m.dt = ssdu{}
	m.act(SActivityInterruptIndication{Reason: in.spdu.(*AI).Reason, UserData: in.data})
	return nil
}

// discarded takes ADA: [29].
func (m *Machine) discarded(in *input) error {
	m.vact, m.owned = false, m.available
	m.act(SActivityDiscardConfirm{UserData: in.data})
	return nil
}

// interrupted takes AIA: [29].
func (m *Machine) interrupted(in *input) error {
	m.vact, m.owned = false, m.available
	m.act(SActivityInterruptConfirm{UserData: in.data})
	return nil
}

// indicateAS takes AS: [12], [26].
func (m *Machine) indicateAS(in *input) error {
	m.vact, m.va, m.vm = true, 1, 1
	m.act(SActivityStartIndication{Activity: in.spdu.(*AS).Activity, UserData: in.data})
	return nil
}

// indicateAR takes AR: [12], [27].
func (m *Machine) indicateAR(in *input) error {
	s := in.spdu.(*AR)
	m.vact, m.va, m.vm = true, s.Serial+1, s.Serial+1
	ind := SActivityResumeIndication{
		Activity: s.Activity, OldActivity: s.OldActivity, Serial: s.Serial, UserData: in.data,
	}
	if c := s.OldConnection; c.CalledReference != nil || c.CallingReference != nil || c.CommonReference != nil || c.AdditionalReference != nil {
		ind.OldConnection = &c
	}
	m.act(ind)
	return nil
}

func (m *Machine) indicateED(in *input) error {
	m.dt = ssdu{}
	m.act(SUExceptionReportIndication{Reason: in.spdu.(*ED).Reason, UserData: in.data})
	return nil
}

func (m *Machine) indicateER(in *input) error {
	m.dt = ssdu{}
	m.act(SPExceptionReportIndication{Reflected: in.spdu.(*ER).Reflected})
	return nil
}

// indicateGT takes GT: [11].
func (m *Machine) indicateGT(in *input) error {
	m.owned |= in.tokens
	m.act(STokenGiveIndication{Tokens: in.tokens, UserData: in.data})
	return nil
}

func (m *Machine) indicatePT(in *input) error {
	m.act(STokenPleaseIndication{Tokens: in.tokens, UserData: in.data})
	return nil
}

// indicateGTC takes GTC: [11].
func (m *Machine) indicateGTC(in *input) error {
	m.act(SControlGiveIndication{UserData: in.data})
	m.owned = m.available
	return m.transmit(nil, &GTA{})
}

func (m *Machine) indicateFN(in *input) error {
	m.act(SReleaseIndication{UserData: in.data})
	return nil
}

// collideFN takes FN after FN was sent: [18].
func (m *Machine) collideFN(in *input) error {
	m.vcoll = true
	return m.indicateFN(in)
}

func (m *Machine) finished(in *input) error {
	m.act(SReleaseConfirm{UserData: in.data}, TDisconnectRequest{})
	return nil
}

// finishedFirst takes DN after a collision of FN: [32].
func (m *Machine) finishedFirst(in *input) error {
	m.vdnr = true
	m.act(SReleaseConfirm{UserData: in.data})
	return nil
}

func (m *Machine) aborted(in *input) error {
	s := in.spdu.(*AB)
	switch {
	case s.Transport&UserAbort != 0:
		m.act(SUAbortIndication{UserData: in.data})
	case s.Transport&ProtocolError != 0:
		m.act(SPAbortIndication{Reason: AbortProtocolError, Reflected: s.Reflected})
	case s.Transport&ImplementationRestriction != 0:
		m.act(SPAbortIndication{Reason: AbortImplementationLimit, Reflected: s.Reflected})
	default:
		m.act(SPAbortIndication{Reason: AbortUndefined, Reflected: s.Reflected})
	}
	m.act(TDisconnectRequest{})
	return nil
}

func (m *Machine) closeSilently(*input) error {
	m.act(TDisconnectRequest{})
	return nil
}

func (m *Machine) closeAfterWait(*input) error {
	m.act(StopTimer{}, TDisconnectRequest{})
	return nil
}
