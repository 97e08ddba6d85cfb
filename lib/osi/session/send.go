package session

import (
	"errors"
	"fmt"
)

// The actions of the state tables on requests and responses of the SS-user. They
// change nothing when they fail. Numbers in brackets are the specific actions of
// X.225 Table A.6.

// segmentData is the user data of one segment: with the other parameters of its
// SPDU it stays below 65539 octets (X.225 §6.3.5).
const segmentData = 65000

// transmit sends an SPDU, behind another or alone, in as many segments as its
// user data need.
func (m *Machine) transmit(before, s SPDU) error {
	g := segmentOf(s)
	if g.data == nil {
		return m.encode(before, s)
	}
	data := *g.data
	if m.version == Version1 {
		if limit := version1Limit(s); len(data) > limit {
			return fmt.Errorf("%d octets of user data: at most %d in version 1", len(data), limit)
		}
	}
	if len(data) <= segmentData {
		return m.encode(before, s)
	}
	for first := true; len(data) > 0; first = false {
		n := min(len(data), segmentData)
		*g.data, data = data[:n], data[n:]
		switch {
		case first:
			*g.enclosure = EnclosureBeginning
		case len(data) > 0:
			*g.enclosure = EnclosureMiddle
		default:
			*g.enclosure = EnclosureEnd
		}
		if err := m.encode(before, s); err != nil {
			return err
		}
	}
	return nil
}

// version1Limit returns the user data an SPDU may carry in version 1.
func version1Limit(s SPDU) int {
	switch s.(type) {
	case *GT, *GTC, *AI, *AIA, *AD, *ADA:
		return 0
	case *AB:
		return maxVersion1AbortUserData
	case *RF:
		return 1 + maxVersion1UserData
	}
	return maxVersion1UserData
}

func (m *Machine) encode(before, s SPDU) error {
	var b []byte
	var err error
	if before != nil {
		if b, err = appendHeader(b, before); err != nil {
			return err
		}
	}
	if b, err = appendHeader(b, s); err != nil {
		return err
	}
	m.act(TDataRequest{TSDU: [][]byte{b}})
	return nil
}

// sendCN sends CN. More than 512 octets of user data leave version 2 alone, and
// more than 10240 ask the responder for OA first (X.225 §7.1.1).
func (m *Machine) sendCN(in *input) error {
	req := in.request.(SConnectRequest)
	if rest := req.Requirements &^ supported; rest != 0 {
		return fmt.Errorf("functional units %v are not offered", rest)
	}
	if req.Requirements&(HalfDuplex|Duplex) == 0 {
		return errors.New("neither half-duplex nor duplex proposed")
	}
	offered := m.params.Versions
	if len(req.UserData) > maxConnectUserData {
		offered &= Version2
	}
	if offered == 0 {
		return fmt.Errorf("%d octets of user data: at most %d in version 1", len(req.UserData), maxConnectUserData)
	}
	available := req.Requirements.tokens()
	cn := &CN{
		Identifier:   req.Identifier,
		Item:         ConnectAcceptItem{Versions: offered, Tokens: req.Tokens & TokenSetting(available*3)},
		Requirements: req.Requirements,
		CallingSSEL:  req.CallingSSEL,
		CalledSSEL:   req.CalledSSEL,
		UserData:     req.UserData,
	}
	if req.Requirements&(MinorSync|ActivityManagement) == MinorSync {
		cn.Item.InitialSerial = &req.InitialSerial
	}
	next := STA02A
	if len(req.UserData) > maxExtendedUserData {
		cn.Overflow, next = true, STA02B
		cn.UserData = req.UserData[:maxExtendedUserData]
	}
	if err := m.encode(nil, cn); err != nil {
		return err
	}
	m.connectData = req.UserData[len(cn.UserData):]
	m.offered, m.proposed, m.setting = offered, req.Requirements, cn.Item.Tokens
	m.state = next
	return nil
}

// sendAC sends AC: [5], [11].
func (m *Machine) sendAC(in *input) error {
	rsp := in.request.(SConnectResponse)
	units := m.proposed & rsp.Requirements
	switch rest := units &^ supported; {
	case rest != 0:
		return fmt.Errorf("functional units %v are not offered", rest)
	case units.Has(HalfDuplex | Duplex):
		return errors.New("both half-duplex and duplex selected")
	case units&(HalfDuplex|Duplex) == 0:
		return fmt.Errorf("units %v: %v were proposed", rsp.Requirements, m.proposed)
	}
	setting, err := chosen(m.setting, rsp.Tokens, units.tokens())
	if err != nil {
		return err
	}
	highest := m.version
	if rsp.Versions != 0 {
		if m.common&rsp.Versions == 0 {
			return fmt.Errorf("version %v: both sides have %v", rsp.Versions, m.common)
		}
		m.version = (m.common & rsp.Versions).highest()
	}
	ac := &AC{
		Identifier:     rsp.Identifier,
		Item:           ConnectAcceptItem{Versions: m.version, Tokens: setting},
		Requirements:   units,
		RespondingSSEL: rsp.RespondingSSEL,
		UserData:       rsp.UserData,
	}
	serial := SerialNumber(0)
	if units&(MinorSync|ActivityManagement) == MinorSync {
		serial = rsp.InitialSerial
		ac.Item.InitialSerial = &serial
	}
	if err := m.transmit(nil, ac); err != nil {
		m.version = highest
		return err
	}
	m.begin(m.version, units, setting, ResponderSide, serial)
	return nil
}

// sendRF sends RF and waits for the initiator to disconnect.
func (m *Machine) sendRF(in *input) error {
	rsp := in.request.(SConnectRefusal)
	reason := rsp.Reason
	if len(rsp.UserData) > 0 {
		reason = RefuseUserData
	}
	rf := &RF{
		Identifier: rsp.Identifier,
		Transport:  ReleaseTransport,
		Versions:   m.params.Versions,
		ReasonCode: append([]byte{byte(reason)}, rsp.UserData...),
	}
	if err := m.transmit(nil, rf); err != nil {
		return err
	}
	m.act(StartTimer{})
	return nil
}

// sendDT sends the segments behind GT and DT headers, uncopied, or behind what has been
// sent of the SSDU.
func (m *Machine) sendDT(in *input) error {
	req := in.request.(SDataRequest)
	if req.Enclosure.Begins() == m.sending {
		return errAmid
	}
	var headers []SPDU
	if req.Enclosure.Begins() {
		headers = []SPDU{&GT{}, &DT{}}
	}
	if err := m.gather(req.UserData, !req.Enclosure.Ends(), headers...); err != nil {
		return err
	}
	m.sending = !req.Enclosure.Ends()
	return nil
}

func (m *Machine) sendTD(in *input) error {
	return m.gather(in.request.(STypedDataRequest).UserData, false, &TD{})
}

func (m *Machine) gather(data [][]byte, more bool, headers ...SPDU) error {
	n := 0
	for _, d := range data {
		n += len(d)
	}
	if n == 0 {
		return errors.New("empty SSDU")
	}
	tsdu := make([][]byte, 0, 1+len(data))
	if len(headers) > 0 {
		var header []byte
		for _, s := range headers {
			var err error
			if header, err = appendHeader(header, s); err != nil {
				return err
			}
		}
		tsdu = append(tsdu, header)
	}
	m.act(TDataRequest{TSDU: append(tsdu, data...), More: more})
	return nil
}

// sendMIP sends MIP: [24].
func (m *Machine) sendMIP(in *input) error {
	req := in.request.(SSyncMinorRequest)
	if req.Type&^SyncOptional != 0 {
		return errors.New("data separation is not selected")
	}
	if err := m.transmit(&GT{}, &MIP{Type: req.Type, Serial: m.vm, UserData: req.UserData}); err != nil {
		return err
	}
	m.synchronize()
	return nil
}

// synchronize is [24].
func (m *Machine) synchronize() {
	if m.vsc {
		m.va = m.vm
	}
	m.vsc = false
	m.vm++
}

// sendMIA sends MIA: [25].
func (m *Machine) sendMIA(in *input) error {
	rsp := in.request.(SSyncMinorResponse)
	if err := m.transmit(&PT{}, &MIA{Serial: rsp.Serial, UserData: rsp.UserData}); err != nil {
		return err
	}
	m.va = rsp.Serial + 1
	return nil
}

// sendAE sends AE: [24]. The activity goes on until AEA.
func (m *Machine) sendAE(in *input) error {
	req := in.request.(SActivityEndRequest)
	if err := m.transmit(&GT{}, &AE{Serial: m.vm, UserData: req.UserData}); err != nil {
		return err
	}
	m.synchronize()
	return nil
}

// sendAEA sends AEA: [14], [22].
func (m *Machine) sendAEA(in *input) error {
	rsp := in.request.(SActivityEndResponse)
	if err := m.transmit(&PT{}, &MAA{Serial: m.vm - 1, UserData: rsp.UserData}); err != nil {
		return err
	}
	m.vact, m.va = false, m.vm
	return nil
}

func (m *Machine) sendAD(in *input) error {
	req := in.request.(SActivityDiscardRequest)
	return m.transmit(&GT{}, &AD{Reason: req.Reason, UserData: req.UserData})
}

// sendADA sends ADA: [30].
func (m *Machine) sendADA(in *input) error {
	rsp := in.request.(SActivityDiscardResponse)
	if err := m.transmit(&PT{}, &ADA{UserData: rsp.UserData}); err != nil {
		return err
	}
	m.vact, m.owned = false, 0
	return nil
}

func (m *Machine) sendAI(in *input) error {
	req := in.request.(SActivityInterruptRequest)
	return m.transmit(&GT{}, &AI{Reason: req.Reason, UserData: req.UserData})
}

// sendAIA sends AIA: [30].
func (m *Machine) sendAIA(in *input) error {
	rsp := in.request.(SActivityInterruptResponse)
	if err := m.transmit(&PT{}, &AIA{UserData: rsp.UserData}); err != nil {
		return err
	}
	m.vact, m.owned = false, 0
	return nil
}

// sendAS sends AS: [12], [26].
func (m *Machine) sendAS(in *input) error {
	req := in.request.(SActivityStartRequest)
	if err := m.transmit(&GT{}, &AS{Activity: req.Activity, UserData: req.UserData}); err != nil {
		return err
	}
	m.vact, m.va, m.vm = true, 1, 1
	return nil
}

// sendAR sends AR: [12], [27]. It goes behind GT, as Table 7 of X.225 (1988) has
// it; the PT of the 1995 edition contradicts its own Table 8.
func (m *Machine) sendAR(in *input) error {
	req := in.request.(SActivityResumeRequest)
	ar := &AR{OldActivity: req.OldActivity, Serial: req.Serial, Activity: req.Activity, UserData: req.UserData}
	if req.OldConnection != nil {
		ar.OldConnection = *req.OldConnection
	}
	if err := m.transmit(&GT{}, ar); err != nil {
		return err
	}
	m.vact, m.va, m.vm = true, req.Serial+1, req.Serial+1
	return nil
}

func (m *Machine) sendED(in *input) error {
	req := in.request.(SUExceptionReportRequest)
	if err := m.transmit(&PT{}, &ED{Reason: req.Reason, UserData: req.UserData}); err != nil {
		return err
	}
	m.dt = ssdu{} // what comes of it is dropped
	return nil
}

// sendGT sends GT: [11].
func (m *Machine) sendGT(in *input) error {
	req := in.request.(STokenGiveRequest)
	if err := m.transmit(nil, &GT{Tokens: req.Tokens, UserData: req.UserData}); err != nil {
		return err
	}
	m.owned &^= req.Tokens
	return nil
}

func (m *Machine) sendPT(in *input) error {
	req := in.request.(STokenPleaseRequest)
	return m.transmit(nil, &PT{Tokens: req.Tokens, UserData: req.UserData})
}

// sendGTC sends GTC: [11].
func (m *Machine) sendGTC(in *input) error {
	req := in.request.(SControlGiveRequest)
	if err := m.transmit(nil, &GTC{UserData: req.UserData}); err != nil {
		return err
	}
	m.owned = 0
	return nil
}

func (m *Machine) sendFN(in *input) error {
	req := in.request.(SReleaseRequest)
	return m.transmit(nil, &FN{Transport: ReleaseTransport, UserData: req.UserData})
}

// sendCollidingFN sends FN after FN was received: [18].
func (m *Machine) sendCollidingFN(in *input) error {
	if err := m.sendFN(in); err != nil {
		return err
	}
	m.vcoll = true
	return nil
}

func (m *Machine) sendDN(in *input) error {
	rsp := in.request.(SReleaseResponse)
	return m.transmit(nil, &DN{UserData: rsp.UserData})
}

// sendLastDN sends DN and waits for the peer to disconnect: [4].
func (m *Machine) sendLastDN(in *input) error {
	if err := m.sendDN(in); err != nil {
		return err
	}
	m.act(StartTimer{})
	return nil
}

// sendAB sends AB: [4]. In version 1, and while it may still be selected, user
// data that do not fit are left out, so that an abort never fails for them.
func (m *Machine) sendAB(in *input) error {
	req := in.request.(SUAbortRequest)
	ab := &AB{Transport: ReleaseTransport | UserAbort, UserData: req.UserData}
	if m.version != Version2 && m.offered != Version2 && len(ab.UserData) > maxVersion1AbortUserData {
		ab.UserData = nil
	}
	if err := m.transmit(nil, ab); err != nil {
		return err
	}
	m.act(StartTimer{})
	return nil
}
