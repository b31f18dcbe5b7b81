package postgres

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// describeTypes finds types and those they are made of: domains go down to their base type, arrays to their elements.
const describeTypes = `WITH RECURSIVE need AS (
	SELECT DISTINCT t.oid FROM pg_type t WHERE t.oid = ANY ($1)
	UNION SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END FROM need JOIN pg_type t ON t.oid = need.oid
	WHERE t.typtype = 'd' OR t.typoutput = 'array_out'::regproc)
SELECT t.oid, t.typname, e.extname, CASE WHEN t.typoutput = 'array_out'::regproc THEN t.typelem ELSE 0 END,
	CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE 0 END, t.typtypmod, t.typnotnull, t.typsend <> 0 AND t.typreceive <> 0, t.typdelim, t.typtype,
	(SELECT string_agg('x' || encode(convert_to(l.enumlabel::text, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END), 'hex'), ' ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)
FROM pg_type t JOIN need ON need.oid = t.oid
	LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e' LEFT JOIN pg_extension e ON e.oid = d.refobjid`

// domain is a type that is another with a name and conditions of its own.
type domain struct {
	base    uint32
	mod     int32
	notNull bool
}

// typeKey is a type as a column has it.
type typeKey struct {
	oid uint32
	mod int32 // -1: none
}

// columnType is the type of a column or result.
type columnType struct {
	info    *typeInfo
	mod     int32
	text    string // as the server writes it, with length and digits
	logical record.Type
	notNull bool // by a domain
}

// typeCache keeps the types of the server's own, which are the same as long as the server is.
type typeCache struct {
	mu    sync.Mutex
	known map[typeKey]columnType
}

// firstForeign is the least number of types that do not come with the server.
const firstForeign = 10_000

// types returns the types of columns, domains replaced by what they are made of.
func (s *session) types(keys []typeKey) ([]columnType, error) {
	out := make([]columnType, len(keys))
	var unknown []typeKey
	var places []int
	s.cache.mu.Lock()
	for i, k := range keys {
		ct, ok := s.cache.known[k]
		if out[i] = ct; !ok {
			unknown, places = append(unknown, k), append(places, i)
		}
	}
	s.cache.mu.Unlock()
	if len(unknown) == 0 {
		return out, nil
	}
	found, err := s.askTypes(unknown)
	if err != nil {
		return nil, err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	for i, ct := range found {
		out[places[i]] = ct
		// The digits of money are a setting of the database.
		if ct.info.oid < firstForeign && ct.info.oid != oidMoney && unknown[i].oid == ct.info.oid && (ct.info.elem == nil || ct.info.elem.oid != oidMoney) {
			if s.cache.known == nil {
				s.cache.known = map[typeKey]columnType{}
			}
			s.cache.known[unknown[i]] = ct
		}
	}
	return out, nil
}

// askTypes asks the catalog for the types of columns.
func (s *session) askTypes(keys []typeKey) ([]columnType, error) {
	oids := make([]uint32, len(keys))
	for i, k := range keys {
		oids[i] = k.oid
	}
	infos, domains, err := s.typeInfos(oids)
	if err != nil {
		return nil, err
	}
	m, out := typeMod{}, make([]columnType, len(keys))
	bases, mods := make([]uint32, len(keys)), make([]int32, len(keys))
	for i, k := range keys {
		ct := &out[i]
		for range len(domains) {
			d, ok := domains[k.oid]
			if !ok {
				break
			}
			k, ct.notNull = typeKey{d.base, d.mod}, ct.notNull || d.notNull
		}
		if ct.info, ct.mod = infos[k.oid], k.mod; ct.info == nil {
			return nil, connector.Errorf(connector.Other, "TOW-724", "describe type %d: the catalog does not know it", k.oid)
		}
		bases[i], mods[i] = k.oid, k.mod
		if ct.info.oid == oidMoney || ct.info.elem != nil && ct.info.elem.oid == oidMoney {
			if m.moneyScale, err = s.moneyScale(); err != nil {
				return nil, err
			}
		}
	}
	rows, err := s.ask("SELECT format_type(w.oid, w.mod) FROM ROWS FROM (unnest($1), unnest($2)) WITH ORDINALITY AS w (oid, mod, n) ORDER BY w.n",
		oidsParam(bases), modsParam(mods))
	if err != nil || len(rows) != len(out) {
		return nil, err
	}
	for i := range out {
		ct := &out[i]
		m.mod, ct.text = ct.mod, rows[i][0].text
		ct.logical = ct.info.logical(m, ct.text)
	}
	return out, nil
}

// typeInfos asks the catalog for types and for those they are made of.
func (s *session) typeInfos(oids []uint32) (map[uint32]*typeInfo, map[uint32]domain, error) {
	rows, err := s.ask(describeTypes, oidsParam(oids))
	if err != nil {
		return nil, nil, err
	}
	infos, domains := map[uint32]*typeInfo{}, map[uint32]domain{}
	known, elems := typeTable(), map[uint32]uint32{}
	for _, r := range rows {
		oid := r[0].oid()
		if base := r[4].oid(); base != 0 {
			domains[oid] = domain{base, int32(r[5].int64()), r[6].bool()}
			continue
		}
		info := &typeInfo{oid: oid, name: r[1].text, extension: r[2].text, binary: r[7].bool(), separator: r[8].text[0]}
		info.row = rowOf(known, oid, info.name, info.extension)
		if r[9].text == "e" {
			if info.labels, err = hexNames(r[10].text); err != nil {
				return nil, nil, err
			}
		}
		infos[oid], elems[oid] = info, r[3].oid()
	}
	for oid, elem := range elems {
		infos[oid].item = elem
		for range len(domains) {
			if d, ok := domains[elem]; ok {
				elem = d.base
			}
		}
		if elem != 0 {
			infos[oid].elem = infos[elem]
		}
	}
	return infos, domains, nil
}

// hexNames reads names that come as x and hex with blanks between, whatever characters they hold.
func hexNames(text string) ([]string, error) {
	out := []string{}
	for _, field := range strings.Fields(text) {
		name, err := hex.DecodeString(field[1:])
		if err != nil {
			return nil, fmt.Errorf("%w: a list of names", errMalformed)
		}
		out = append(out, string(name))
	}
	return out, nil
}

// moneyScale asks how many digits of money stand behind the point: it is stored as a whole number of the smallest coin.
func (s *session) moneyScale() (int, error) {
	rows, err := s.query("SELECT scale(0::money::numeric)")
	if err != nil || len(rows) != 1 {
		return 0, err
	}
	return int(rows[0][0].int64()), nil
}
