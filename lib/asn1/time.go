package asn1

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// UTCTime is a universal time, X.680 §47, as on the wire:
// YYMMDDhhmm[ss](Z|+hhmm|-hhmm).
type UTCTime string

// GeneralizedTime is a generalized time, X.680 §46, as on the wire:
// YYYYMMDDhh[mm[ss]][.fraction][Z|+hhmm|-hhmm].
type GeneralizedTime string

// ErrTime is wrapped by the Time methods for text that is no time.
var ErrTime = errors.New("asn1: time is malformed")

// NewUTCTime returns t as X.400 systems send it, YYMMDDhhmmssZ. A fraction of a
// second is dropped.
func NewUTCTime(t time.Time) UTCTime {
	return UTCTime(t.UTC().Format("060102150405Z"))
}

// NewGeneralizedTime returns t as YYYYMMDDhhmmssZ.
func NewGeneralizedTime(t time.Time) GeneralizedTime {
	return GeneralizedTime(t.UTC().Format("20060102150405Z"))
}

// Time returns the instant in UTC. A year below 50 is 20YY, any other 19YY, as
// X.509 §7.2 reads them.
func (u UTCTime) Time() (time.Time, error) {
	digits, zone := splitZone(string(u))
	if zone == "" || len(digits) != 10 && len(digits) != 12 {
		return time.Time{}, fmt.Errorf("%w: UTCTime %q", ErrTime, string(u))
	}
	century := "20"
	if digits[0] >= '5' {
		century = "19"
	}
	t, err := instant(century+digits, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: UTCTime %q", ErrTime, string(u))
	}
	return t, nil
}

// Time returns the instant in UTC. A local time without differential
// (X.680 §46.2 a) is taken as UTC, there being no locality to ask.
func (g GeneralizedTime) Time() (time.Time, error) {
	digits, zone := splitZone(string(g))
	if zone == "" {
		zone = "Z"
	}
	whole, fraction := digits, ""
	if i := strings.IndexAny(digits, ".,"); i >= 0 {
		whole, fraction = digits[:i], digits[i+1:]
		if fraction == "" || len(fraction) > 9 || !allDigits(fraction) {
			return time.Time{}, fmt.Errorf("%w: GeneralizedTime %q", ErrTime, string(g))
		}
	}
	t, err := instant(whole, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: GeneralizedTime %q", ErrTime, string(g))
	}
	unit := time.Second
	switch len(whole) {
	case 10:
		unit = time.Hour
	case 12:
		unit = time.Minute
	}
	for _, d := range []byte(fraction) {
		unit /= 10
		t = t.Add(unit * time.Duration(d-'0'))
	}
	return t, nil
}

// splitZone cuts the Z or the differential from the end of a time.
func splitZone(s string) (digits, zone string) {
	if i := strings.IndexAny(s, "Z+-"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// instant reads YYYYMMDDhh[mm[ss]] and a zone. Every digit is checked first:
// package time would accept a sign in some places.
func instant(digits, zone string) (time.Time, error) {
	if !allDigits(digits) || len(digits) > 14 {
		return time.Time{}, ErrTime
	}
	layout := "20060102150405"
	switch len(digits) {
	case 10, 12, 14:
		layout = layout[:len(digits)]
	default:
		return time.Time{}, ErrTime
	}
	t, err := time.Parse(layout, digits)
	if err != nil || zone == "Z" {
		return t, err
	}
	if len(zone) != 5 && len(zone) != 3 || !allDigits(zone[1:]) || zone[0] == 'Z' {
		return time.Time{}, ErrTime
	}
	hours := int(zone[1]-'0')*10 + int(zone[2]-'0')
	minutes := 0
	if len(zone) == 5 {
		minutes = int(zone[3]-'0')*10 + int(zone[4]-'0')
	}
	if hours > 23 || minutes > 59 {
		return time.Time{}, ErrTime
	}
	ahead := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if zone[0] == '-' {
		ahead = -ahead
	}
	return t.Add(-ahead), nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
