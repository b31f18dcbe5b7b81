package record

// loop names the loop of a cast. A switch over names, and not a function value, keeps the loops' output off the heap.
type loop uint8

const (
	loopNone loop = iota
	loopCopy
	loopExact
	loopInt64
	loopInt64Uint64
	loopUint64Int64
	loopToText
	loopText
	loopFloatToJSON
	loopJSON
	loopFromText
	loopToList
	loopList
	loopListText
	loopListJSON
	loopListSet
	loopSetList
	loopGeometryBytes
	loopGeometryText
	loopBytesGeometry
	loopTextGeometry
	loopBytes
	loopBytesUUID
	loopUUIDBytes
	loopFloat
	loopFloat32
	loopIntFloat
	loopUintFloat
	loopFloatInt
	loopThroughText
	loopLimited
	loopTime
	loopDateMoment
	loopMomentDate
	loopMoment
	loopTimeInterval
	loopIntervalTime
	loopWallInstant
	loopInstantWall
)

// dispatch runs the loop over one column.
func (c *Cast) dispatch(o *castOutput, src *Vector) {
	switch c.run {
	case loopCopy:
		castCopy(c, o, src)
	case loopExact:
		castExact(c, o, src)
	case loopInt64:
		castInt64(c, o, src)
	case loopInt64Uint64:
		castInt64Uint64(c, o, src)
	case loopUint64Int64:
		castUint64Int64(c, o, src)
	case loopToText:
		castToText(c, o, src)
	case loopText:
		castText(c, o, src)
	case loopFloatToJSON:
		castFloatToJSON(c, o, src)
	case loopJSON:
		castJSON(c, o, src)
	case loopFromText:
		castFromText(c, o, src)
	case loopToList:
		castToList(c, o, src)
	case loopList:
		castList(c, o, src)
	case loopListText:
		castListText(c, o, src)
	case loopListJSON:
		castListJSON(c, o, src)
	case loopListSet:
		castListSet(c, o, src)
	case loopSetList:
		castSetList(c, o, src)
	case loopGeometryBytes:
		castGeometryBytes(c, o, src)
	case loopGeometryText:
		castGeometryText(c, o, src)
	case loopBytesGeometry:
		castBytesGeometry(c, o, src)
	case loopTextGeometry:
		castTextGeometry(c, o, src)
	case loopBytes:
		castBytes(c, o, src)
	case loopBytesUUID:
		castBytesUUID(c, o, src)
	case loopUUIDBytes:
		castUUIDBytes(c, o, src)
	case loopFloat:
		castFloat(c, o, src)
	case loopFloat32:
		castFloat32(c, o, src)
	case loopIntFloat:
		castIntFloat(c, o, src)
	case loopUintFloat:
		castUintFloat(c, o, src)
	case loopFloatInt:
		castFloatInt(c, o, src)
	case loopThroughText:
		castThroughText(c, o, src)
	case loopLimited:
		castLimited(c, o, src)
	case loopTime:
		castTime(c, o, src)
	case loopDateMoment:
		castDateMoment(c, o, src)
	case loopMomentDate:
		castMomentDate(c, o, src)
	case loopMoment:
		castMoment(c, o, src)
	case loopTimeInterval:
		castTimeInterval(c, o, src)
	case loopIntervalTime:
		castIntervalTime(c, o, src)
	case loopWallInstant:
		castWallInstant(c, o, src)
	case loopInstantWall:
		castInstantWall(c, o, src)
	}
}
