package record

import "encoding/hex"

// decideGeometry covers geometries to and from EWKB, as bytes and as the hex digits of these.
func (c *Cast) decideGeometry() {
	from, to := &c.From, &c.To
	switch {
	case from.Kind == Geometry && to.Kind == Bytes:
		c.set(Checked, "geometries are EWKB; those that "+to.String()+" does not hold are marked", loopGeometryBytes)
	case from.Kind == Geometry && to.Kind == Text:
		c.set(Checked, "geometries are the hex digits of EWKB; those that "+to.String()+" does not hold are marked", loopGeometryText)
	case from.Kind == Bytes:
		c.set(Checked, "bytes that are neither WKB nor EWKB are marked TYPE", loopBytesGeometry)
	case from.Kind == Text:
		c.set(Checked, "texts that are not the hex digits of WKB or EWKB are marked TYPE", loopTextGeometry)
	}
}

func castGeometryBytes(c *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		start := len(o.dst.Data)
		data, ok := AppendEWKB(o.dst.Data, src.Bytes(i))
		code := WrongType
		if ok {
			o.dst.Data = data
			code = fitBytes(&c.To, len(data)-start)
		}
		o.end(c, src, i, start, code)
	}
}

func castGeometryText(c *Cast, o *castOutput, src *Vector) {
	var ewkb []byte
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		start, ok := len(o.dst.Data), false
		code := WrongType
		if ewkb, ok = AppendEWKB(ewkb[:0], src.Bytes(i)); ok {
			o.dst.Data = hex.AppendEncode(o.dst.Data, ewkb)
			code = fitText(&c.To, o.dst.Data[start:])
		}
		o.end(c, src, i, start, code)
	}
}

func castBytesGeometry(_ *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		o.geometry(i, src.Bytes(i), src.Bytes(i))
	}
}

func castTextGeometry(_ *Cast, o *castOutput, src *Vector) {
	var wkb []byte
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		var err error
		if wkb, err = hex.AppendDecode(wkb[:0], src.Bytes(i)); err != nil {
			o.markRaw(i, WrongType, src.Bytes(i))
			continue
		}
		o.geometry(i, wkb, src.Bytes(i))
	}
}

// geometry appends the geometry that wkb stands for, or a mark of raw.
func (o *castOutput) geometry(i int, wkb, raw []byte) {
	data, ok := AppendGeometry(o.dst.Data, wkb)
	if !ok {
		o.markRaw(i, WrongType, raw)
		return
	}
	o.dst.Data = data
	o.dst.CloseBytes()
}
