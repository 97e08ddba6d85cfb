package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
)

// interpersonal tells whether contents of a type are those of package ipms.
func interpersonal(contentType string) bool {
	t, err := mts.ParseContentType(contentType)
	if err != nil {
		return false
	}
	for _, o := range [...]asn1.OID{ipms.ContentP2, ipms.ContentP22, mts.ContentP772} {
		if t.Equal(mts.NewExtendedContentType(o)) {
			return true
		}
	}
	return t.Equal(mts.NewContentType(mts.InterpersonalMessaging1984)) || t.Equal(mts.NewContentType(mts.InterpersonalMessaging1988))
}

// maxWords bounds the value of a heading extension that is shown.
const maxWords = 500

// dialect shows what military messages add to interpersonal ones, and the extensions
// that have no form of their own.
var dialect = ipms.Dialect{
	Extension: func(x ipms.Extension) (name, value string) {
		if len(x.Value) == 0 {
			return decode.OIDName(x.Type), ""
		}
		n, err := decode.HeadingExtension(x, decode.Limits{})
		if value = n.Line(maxWords); err != nil && value == "" {
			value = err.Error()
		}
		return decode.OIDName(x.Type), value
	},
	Part: func(x *ipms.ExtendedBodyPart) (name, text string, message *ipms.IPM) {
		text, _ = p772.Text(x)
		message, _ = p772.Forwarded(x)
		return decode.OIDName(x.Data.DirectReference), text, message
	},
}

// maxSaved bounds how deep forwarded messages are looked into for files.
const maxSaved = 8

// saver writes what cannot be shown of a message into a directory.
type saver struct {
	dir   string
	taken map[string]bool // names given in this message
	errs  []error
}

// message saves the body parts of a message; names are made from the path of numbers
// that leads to them.
func (s *saver) message(m *ipms.IPM, path string, depth int) {
	for i := range m.Body {
		b, path := &m.Body[i], fmt.Sprintf("%s-%d", path, i+1)
		if inner, ok := forwarded(b); ok {
			if depth < maxSaved {
				s.message(inner, path, depth+1)
			}
			continue
		}
		if b.Extended != nil {
			if _, ok := p772.Text(b.Extended); ok {
				continue
			}
		}
		pieces := b.Pieces()
		for n, p := range pieces {
			made := path + p.Suffix
			if len(pieces) > 1 {
				made = fmt.Sprintf("%s-page-%d%s", path, n+1, p.Suffix)
			}
			s.write(s.name(p.Name, path, made), p.Data)
		}
	}
}

func forwarded(b *ipms.BodyPart) (*ipms.IPM, bool) {
	if m, ok := b.Forwarded(); ok {
		return m, true
	}
	if b.Extended == nil {
		return nil, false
	}
	return p772.Forwarded(b.Extended)
}

// name is the originator's name of a file made safe, or the one made for it. One that
// another file of the message has already gets the path before it.
func (s *saver) name(theirs, path, made string) string {
	name := safeName(theirs)
	if name == "" {
		name = made
	} else if s.taken[name] {
		name = path + "-" + name
	}
	s.taken[name] = true
	return name
}

// maxName bounds a name in octets; file systems take 255.
const maxName = 200

// safeName returns the last component of a path of whatever system as a name that
// leads nowhere else, hides nothing and is no option; "" where nothing is left.
func safeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r == ':' || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if strings.Trim(name, "._ ") == "" {
		return ""
	}
	if name[0] == '.' || name[0] == '-' {
		name = "_" + name[1:]
	}
	if len(name) > maxName {
		suffix := filepath.Ext(name)
		if len(suffix) > maxName/2 {
			suffix = ""
		}
		name = strings.ToValidUTF8(name[:maxName-len(suffix)], "") + suffix
	}
	return name
}

// write makes a file; one that exists is never replaced.
func (s *saver) write(name string, data []byte) {
	out, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		s.errs = append(s.errs, diag.E("save", diag.CantCreate, err))
		return
	}
	_, err = out.Write(data)
	if err = errors.Join(err, out.Close()); err != nil {
		s.errs = append(s.errs, diag.E("save", diag.IO, err))
	}
}
