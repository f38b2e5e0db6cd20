import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface DatabaseOffer {
  name: string
  primary: boolean
  engine: string
}

export namespace DatabaseOffer {
  let _codec: Codec<DatabaseOffer>

  export const codec = (): Codec<DatabaseOffer> => {
    if (_codec == null) {
      _codec = message<DatabaseOffer>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(10)
          w.string(obj.name)
        }

        if ((obj.primary != null && obj.primary !== false)) {
          w.uint32(16)
          w.bool(obj.primary)
        }

        if ((obj.engine != null && obj.engine !== '')) {
          w.uint32(26)
          w.string(obj.engine)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          name: '',
          primary: false,
          engine: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.name = reader.string()
              break
            }
            case 2: {
              obj.primary = reader.bool()
              break
            }
            case 3: {
              obj.engine = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.primary`,
                value: reader.bool()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.engine`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface DatabaseOfferNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface DatabaseOfferPrimaryFieldEvent {
    field: '$.primary'
    value: boolean
  }

  export interface DatabaseOfferEngineFieldEvent {
    field: '$.engine'
    value: string
  }

  export function encode (obj: Partial<DatabaseOffer>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, DatabaseOffer.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DatabaseOffer>): DatabaseOffer {
    return decodeMessage(buf, DatabaseOffer.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<DatabaseOffer>): Generator<DatabaseOfferNameFieldEvent | DatabaseOfferPrimaryFieldEvent | DatabaseOfferEngineFieldEvent> {
    return streamMessage(buf, DatabaseOffer.codec(), opts)
  }
}

export interface MemberRecord {
  publicKey: Uint8Array<ArrayBuffer>
  name: string
  incarnation: number
  tcpMultiaddrs: string[]
  udpHost: string
  udpPort: number
  datagramPublicKey: Uint8Array<ArrayBuffer>
  datagramEpoch: number
  datacenter: string
  rack: string
  capacity: number
  databases: DatabaseOffer[]
  softwareVersion: string
  wireVersion: number
  nameSinceMs: number
}

export namespace MemberRecord {
  let _codec: Codec<MemberRecord>

  export const codec = (): Codec<MemberRecord> => {
    if (_codec == null) {
      _codec = message<MemberRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.publicKey != null && obj.publicKey.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.publicKey)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(18)
          w.string(obj.name)
        }

        if ((obj.incarnation != null && obj.incarnation !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.incarnation)
        }

        if (obj.tcpMultiaddrs != null && obj.tcpMultiaddrs.length > 0) {
          for (const value of obj.tcpMultiaddrs) {
            w.uint32(34)
            w.string(value)
          }
        }

        if ((obj.udpHost != null && obj.udpHost !== '')) {
          w.uint32(42)
          w.string(obj.udpHost)
        }

        if ((obj.udpPort != null && obj.udpPort !== 0)) {
          w.uint32(48)
          w.uint32(obj.udpPort)
        }

        if ((obj.datagramPublicKey != null && obj.datagramPublicKey.byteLength > 0)) {
          w.uint32(58)
          w.bytes(obj.datagramPublicKey)
        }

        if ((obj.datagramEpoch != null && obj.datagramEpoch !== 0)) {
          w.uint32(64)
          w.uint64Number(obj.datagramEpoch)
        }

        if ((obj.datacenter != null && obj.datacenter !== '')) {
          w.uint32(74)
          w.string(obj.datacenter)
        }

        if ((obj.rack != null && obj.rack !== '')) {
          w.uint32(82)
          w.string(obj.rack)
        }

        if ((obj.capacity != null && obj.capacity !== 0)) {
          w.uint32(89)
          w.double(obj.capacity)
        }

        if (obj.databases != null && obj.databases.length > 0) {
          for (const value of obj.databases) {
            w.uint32(98)
            DatabaseOffer.codec().encode(value, w)
          }
        }

        if ((obj.softwareVersion != null && obj.softwareVersion !== '')) {
          w.uint32(106)
          w.string(obj.softwareVersion)
        }

        if ((obj.wireVersion != null && obj.wireVersion !== 0)) {
          w.uint32(112)
          w.uint32(obj.wireVersion)
        }

        if ((obj.nameSinceMs != null && obj.nameSinceMs !== 0)) {
          w.uint32(120)
          w.uint64Number(obj.nameSinceMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          publicKey: new Uint8Array(0),
          name: '',
          incarnation: 0,
          tcpMultiaddrs: [],
          udpHost: '',
          udpPort: 0,
          datagramPublicKey: new Uint8Array(0),
          datagramEpoch: 0,
          datacenter: '',
          rack: '',
          capacity: 0,
          databases: [],
          softwareVersion: '',
          wireVersion: 0,
          nameSinceMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.publicKey = reader.bytes()
              break
            }
            case 2: {
              obj.name = reader.string()
              break
            }
            case 3: {
              obj.incarnation = reader.uint64Number()
              break
            }
            case 4: {
              if (opts.limits?.tcpMultiaddrs != null && obj.tcpMultiaddrs.length === opts.limits.tcpMultiaddrs) {
                throw new MaxLengthError('Decode error - repeated field "tcpMultiaddrs" had too many elements')
              }

              obj.tcpMultiaddrs.push(reader.string())
              break
            }
            case 5: {
              obj.udpHost = reader.string()
              break
            }
            case 6: {
              obj.udpPort = reader.uint32()
              break
            }
            case 7: {
              obj.datagramPublicKey = reader.bytes()
              break
            }
            case 8: {
              obj.datagramEpoch = reader.uint64Number()
              break
            }
            case 9: {
              obj.datacenter = reader.string()
              break
            }
            case 10: {
              obj.rack = reader.string()
              break
            }
            case 11: {
              obj.capacity = reader.double()
              break
            }
            case 12: {
              if (opts.limits?.databases != null && obj.databases.length === opts.limits.databases) {
                throw new MaxLengthError('Decode error - repeated field "databases" had too many elements')
              }

              obj.databases.push(DatabaseOffer.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.databases$
              } as object))
              break
            }
            case 13: {
              obj.softwareVersion = reader.string()
              break
            }
            case 14: {
              obj.wireVersion = reader.uint32()
              break
            }
            case 15: {
              obj.nameSinceMs = reader.uint64Number()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          tcpMultiaddrs: 0,
          databases: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.publicKey`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.incarnation`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              if (opts.limits?.tcpMultiaddrs != null && obj.tcpMultiaddrs === opts.limits.tcpMultiaddrs) {
                throw new MaxLengthError('Streaming decode error - repeated field "tcpMultiaddrs" had too many elements')
              }

              yield {
                field: `${prefix}.tcpMultiaddrs[]`,
                index: obj.tcpMultiaddrs,
                value: reader.string()
              }

              obj.tcpMultiaddrs++

              break
            }
            case 5: {
              yield {
                field: `${prefix}.udpHost`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.udpPort`,
                value: reader.uint32()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.datagramPublicKey`,
                value: reader.bytes()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.datagramEpoch`,
                value: reader.uint64Number()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.datacenter`,
                value: reader.string()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.rack`,
                value: reader.string()
              }
              break
            }
            case 11: {
              yield {
                field: `${prefix}.capacity`,
                value: reader.double()
              }
              break
            }
            case 12: {
              if (opts.limits?.databases != null && obj.databases === opts.limits.databases) {
                throw new MaxLengthError('Streaming decode error - repeated field "databases" had too many elements')
              }

              for (const evt of DatabaseOffer.codec().stream(reader, reader.uint32(), `${prefix}.databases[]`, {
                limits: opts.limits?.databases$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.databases
                }
              }

              obj.databases++

              break
            }
            case 13: {
              yield {
                field: `${prefix}.softwareVersion`,
                value: reader.string()
              }
              break
            }
            case 14: {
              yield {
                field: `${prefix}.wireVersion`,
                value: reader.uint32()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.nameSinceMs`,
                value: reader.uint64Number()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface MemberRecordPublicKeyFieldEvent {
    field: '$.publicKey'
    value: Uint8Array<ArrayBuffer>
  }

  export interface MemberRecordNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface MemberRecordIncarnationFieldEvent {
    field: '$.incarnation'
    value: number
  }

  export interface MemberRecordTcpMultiaddrsFieldEvent {
    field: '$.tcpMultiaddrs[]'
    index: number
    value: string
  }

  export interface MemberRecordUdpHostFieldEvent {
    field: '$.udpHost'
    value: string
  }

  export interface MemberRecordUdpPortFieldEvent {
    field: '$.udpPort'
    value: number
  }

  export interface MemberRecordDatagramPublicKeyFieldEvent {
    field: '$.datagramPublicKey'
    value: Uint8Array<ArrayBuffer>
  }

  export interface MemberRecordDatagramEpochFieldEvent {
    field: '$.datagramEpoch'
    value: number
  }

  export interface MemberRecordDatacenterFieldEvent {
    field: '$.datacenter'
    value: string
  }

  export interface MemberRecordRackFieldEvent {
    field: '$.rack'
    value: string
  }

  export interface MemberRecordCapacityFieldEvent {
    field: '$.capacity'
    value: number
  }

  export interface MemberRecordDatabasesNameFieldEvent {
    field: '$.databases[].name'
    value: string
    index: number
  }

  export interface MemberRecordDatabasesPrimaryFieldEvent {
    field: '$.databases[].primary'
    value: boolean
    index: number
  }

  export interface MemberRecordDatabasesEngineFieldEvent {
    field: '$.databases[].engine'
    value: string
    index: number
  }

  export interface MemberRecordSoftwareVersionFieldEvent {
    field: '$.softwareVersion'
    value: string
  }

  export interface MemberRecordWireVersionFieldEvent {
    field: '$.wireVersion'
    value: number
  }

  export interface MemberRecordNameSinceMsFieldEvent {
    field: '$.nameSinceMs'
    value: number
  }

  export function encode (obj: Partial<MemberRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, MemberRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MemberRecord>): MemberRecord {
    return decodeMessage(buf, MemberRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MemberRecord>): Generator<MemberRecordPublicKeyFieldEvent | MemberRecordNameFieldEvent | MemberRecordIncarnationFieldEvent | MemberRecordTcpMultiaddrsFieldEvent | MemberRecordUdpHostFieldEvent | MemberRecordUdpPortFieldEvent | MemberRecordDatagramPublicKeyFieldEvent | MemberRecordDatagramEpochFieldEvent | MemberRecordDatacenterFieldEvent | MemberRecordRackFieldEvent | MemberRecordCapacityFieldEvent | MemberRecordDatabasesNameFieldEvent | MemberRecordDatabasesPrimaryFieldEvent | MemberRecordDatabasesEngineFieldEvent | MemberRecordSoftwareVersionFieldEvent | MemberRecordWireVersionFieldEvent | MemberRecordNameSinceMsFieldEvent> {
    return streamMessage(buf, MemberRecord.codec(), opts)
  }
}

export interface MemberLeave {
  publicKey: Uint8Array<ArrayBuffer>
  incarnation: number
}

export namespace MemberLeave {
  let _codec: Codec<MemberLeave>

  export const codec = (): Codec<MemberLeave> => {
    if (_codec == null) {
      _codec = message<MemberLeave>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.publicKey != null && obj.publicKey.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.publicKey)
        }

        if ((obj.incarnation != null && obj.incarnation !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.incarnation)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          publicKey: new Uint8Array(0),
          incarnation: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.publicKey = reader.bytes()
              break
            }
            case 2: {
              obj.incarnation = reader.uint64Number()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.publicKey`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.incarnation`,
                value: reader.uint64Number()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface MemberLeavePublicKeyFieldEvent {
    field: '$.publicKey'
    value: Uint8Array<ArrayBuffer>
  }

  export interface MemberLeaveIncarnationFieldEvent {
    field: '$.incarnation'
    value: number
  }

  export function encode (obj: Partial<MemberLeave>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, MemberLeave.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MemberLeave>): MemberLeave {
    return decodeMessage(buf, MemberLeave.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<MemberLeave>): Generator<MemberLeavePublicKeyFieldEvent | MemberLeaveIncarnationFieldEvent> {
    return streamMessage(buf, MemberLeave.codec(), opts)
  }
}

export interface SignedEnvelope {
  payload: Uint8Array<ArrayBuffer>
  signature: Uint8Array<ArrayBuffer>
}

export namespace SignedEnvelope {
  let _codec: Codec<SignedEnvelope>

  export const codec = (): Codec<SignedEnvelope> => {
    if (_codec == null) {
      _codec = message<SignedEnvelope>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.payload != null && obj.payload.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.payload)
        }

        if ((obj.signature != null && obj.signature.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.signature)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          payload: new Uint8Array(0),
          signature: new Uint8Array(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.payload = reader.bytes()
              break
            }
            case 2: {
              obj.signature = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.payload`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.signature`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SignedEnvelopePayloadFieldEvent {
    field: '$.payload'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SignedEnvelopeSignatureFieldEvent {
    field: '$.signature'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<SignedEnvelope>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SignedEnvelope.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedEnvelope>): SignedEnvelope {
    return decodeMessage(buf, SignedEnvelope.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedEnvelope>): Generator<SignedEnvelopePayloadFieldEvent | SignedEnvelopeSignatureFieldEvent> {
    return streamMessage(buf, SignedEnvelope.codec(), opts)
  }
}

export interface Update {
  kind: number
  envelope: Uint8Array<ArrayBuffer>
  subject: Uint8Array<ArrayBuffer>
  incarnation: number
  from: Uint8Array<ArrayBuffer>
  evidence: number
  suspectedBy: Uint8Array<ArrayBuffer>
  confirmedBy: Uint8Array<ArrayBuffer>[]
  probeMs: number
  suspicionMs: number
}

export namespace Update {
  let _codec: Codec<Update>

  export const codec = (): Codec<Update> => {
    if (_codec == null) {
      _codec = message<Update>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.kind != null && obj.kind !== 0)) {
          w.uint32(8)
          w.uint32(obj.kind)
        }

        if ((obj.envelope != null && obj.envelope.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.envelope)
        }

        if ((obj.subject != null && obj.subject.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.subject)
        }

        if ((obj.incarnation != null && obj.incarnation !== 0)) {
          w.uint32(32)
          w.uint64Number(obj.incarnation)
        }

        if ((obj.from != null && obj.from.byteLength > 0)) {
          w.uint32(42)
          w.bytes(obj.from)
        }

        if ((obj.evidence != null && obj.evidence !== 0)) {
          w.uint32(48)
          w.uint32(obj.evidence)
        }

        if ((obj.suspectedBy != null && obj.suspectedBy.byteLength > 0)) {
          w.uint32(58)
          w.bytes(obj.suspectedBy)
        }

        if (obj.confirmedBy != null && obj.confirmedBy.length > 0) {
          for (const value of obj.confirmedBy) {
            w.uint32(66)
            w.bytes(value)
          }
        }

        if ((obj.probeMs != null && obj.probeMs !== 0)) {
          w.uint32(72)
          w.uint32(obj.probeMs)
        }

        if ((obj.suspicionMs != null && obj.suspicionMs !== 0)) {
          w.uint32(80)
          w.uint32(obj.suspicionMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          kind: 0,
          envelope: new Uint8Array(0),
          subject: new Uint8Array(0),
          incarnation: 0,
          from: new Uint8Array(0),
          evidence: 0,
          suspectedBy: new Uint8Array(0),
          confirmedBy: [],
          probeMs: 0,
          suspicionMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.kind = reader.uint32()
              break
            }
            case 2: {
              obj.envelope = reader.bytes()
              break
            }
            case 3: {
              obj.subject = reader.bytes()
              break
            }
            case 4: {
              obj.incarnation = reader.uint64Number()
              break
            }
            case 5: {
              obj.from = reader.bytes()
              break
            }
            case 6: {
              obj.evidence = reader.uint32()
              break
            }
            case 7: {
              obj.suspectedBy = reader.bytes()
              break
            }
            case 8: {
              if (opts.limits?.confirmedBy != null && obj.confirmedBy.length === opts.limits.confirmedBy) {
                throw new MaxLengthError('Decode error - repeated field "confirmedBy" had too many elements')
              }

              obj.confirmedBy.push(reader.bytes())
              break
            }
            case 9: {
              obj.probeMs = reader.uint32()
              break
            }
            case 10: {
              obj.suspicionMs = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          confirmedBy: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.kind`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.envelope`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.subject`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.incarnation`,
                value: reader.uint64Number()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.from`,
                value: reader.bytes()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.evidence`,
                value: reader.uint32()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.suspectedBy`,
                value: reader.bytes()
              }
              break
            }
            case 8: {
              if (opts.limits?.confirmedBy != null && obj.confirmedBy === opts.limits.confirmedBy) {
                throw new MaxLengthError('Streaming decode error - repeated field "confirmedBy" had too many elements')
              }

              yield {
                field: `${prefix}.confirmedBy[]`,
                index: obj.confirmedBy,
                value: reader.bytes()
              }

              obj.confirmedBy++

              break
            }
            case 9: {
              yield {
                field: `${prefix}.probeMs`,
                value: reader.uint32()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.suspicionMs`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface UpdateKindFieldEvent {
    field: '$.kind'
    value: number
  }

  export interface UpdateEnvelopeFieldEvent {
    field: '$.envelope'
    value: Uint8Array<ArrayBuffer>
  }

  export interface UpdateSubjectFieldEvent {
    field: '$.subject'
    value: Uint8Array<ArrayBuffer>
  }

  export interface UpdateIncarnationFieldEvent {
    field: '$.incarnation'
    value: number
  }

  export interface UpdateFromFieldEvent {
    field: '$.from'
    value: Uint8Array<ArrayBuffer>
  }

  export interface UpdateEvidenceFieldEvent {
    field: '$.evidence'
    value: number
  }

  export interface UpdateSuspectedByFieldEvent {
    field: '$.suspectedBy'
    value: Uint8Array<ArrayBuffer>
  }

  export interface UpdateConfirmedByFieldEvent {
    field: '$.confirmedBy[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface UpdateProbeMsFieldEvent {
    field: '$.probeMs'
    value: number
  }

  export interface UpdateSuspicionMsFieldEvent {
    field: '$.suspicionMs'
    value: number
  }

  export function encode (obj: Partial<Update>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Update.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Update>): Update {
    return decodeMessage(buf, Update.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Update>): Generator<UpdateKindFieldEvent | UpdateEnvelopeFieldEvent | UpdateSubjectFieldEvent | UpdateIncarnationFieldEvent | UpdateFromFieldEvent | UpdateEvidenceFieldEvent | UpdateSuspectedByFieldEvent | UpdateConfirmedByFieldEvent | UpdateProbeMsFieldEvent | UpdateSuspicionMsFieldEvent> {
    return streamMessage(buf, Update.codec(), opts)
  }
}

export interface Report {
  subject: Uint8Array<ArrayBuffer>
  incarnation: number
  verdict: number
  evidence: number
}

export namespace Report {
  let _codec: Codec<Report>

  export const codec = (): Codec<Report> => {
    if (_codec == null) {
      _codec = message<Report>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.subject != null && obj.subject.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.subject)
        }

        if ((obj.incarnation != null && obj.incarnation !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.incarnation)
        }

        if ((obj.verdict != null && obj.verdict !== 0)) {
          w.uint32(24)
          w.uint32(obj.verdict)
        }

        if ((obj.evidence != null && obj.evidence !== 0)) {
          w.uint32(32)
          w.uint32(obj.evidence)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          subject: new Uint8Array(0),
          incarnation: 0,
          verdict: 0,
          evidence: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.subject = reader.bytes()
              break
            }
            case 2: {
              obj.incarnation = reader.uint64Number()
              break
            }
            case 3: {
              obj.verdict = reader.uint32()
              break
            }
            case 4: {
              obj.evidence = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.subject`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.incarnation`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.verdict`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.evidence`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ReportSubjectFieldEvent {
    field: '$.subject'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ReportIncarnationFieldEvent {
    field: '$.incarnation'
    value: number
  }

  export interface ReportVerdictFieldEvent {
    field: '$.verdict'
    value: number
  }

  export interface ReportEvidenceFieldEvent {
    field: '$.evidence'
    value: number
  }

  export function encode (obj: Partial<Report>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Report.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Report>): Report {
    return decodeMessage(buf, Report.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Report>): Generator<ReportSubjectFieldEvent | ReportIncarnationFieldEvent | ReportVerdictFieldEvent | ReportEvidenceFieldEvent> {
    return streamMessage(buf, Report.codec(), opts)
  }
}

export interface Coordinate {
  vector: Uint8Array<ArrayBuffer>
  heightMs: number
  adjustmentMs: number
  error: number
}

export namespace Coordinate {
  let _codec: Codec<Coordinate>

  export const codec = (): Codec<Coordinate> => {
    if (_codec == null) {
      _codec = message<Coordinate>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.vector != null && obj.vector.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.vector)
        }

        if ((obj.heightMs != null && obj.heightMs !== 0)) {
          w.uint32(21)
          w.float(obj.heightMs)
        }

        if ((obj.adjustmentMs != null && obj.adjustmentMs !== 0)) {
          w.uint32(29)
          w.float(obj.adjustmentMs)
        }

        if ((obj.error != null && obj.error !== 0)) {
          w.uint32(37)
          w.float(obj.error)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          vector: new Uint8Array(0),
          heightMs: 0,
          adjustmentMs: 0,
          error: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.vector = reader.bytes()
              break
            }
            case 2: {
              obj.heightMs = reader.float()
              break
            }
            case 3: {
              obj.adjustmentMs = reader.float()
              break
            }
            case 4: {
              obj.error = reader.float()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.vector`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.heightMs`,
                value: reader.float()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.adjustmentMs`,
                value: reader.float()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.error`,
                value: reader.float()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface CoordinateVectorFieldEvent {
    field: '$.vector'
    value: Uint8Array<ArrayBuffer>
  }

  export interface CoordinateHeightMsFieldEvent {
    field: '$.heightMs'
    value: number
  }

  export interface CoordinateAdjustmentMsFieldEvent {
    field: '$.adjustmentMs'
    value: number
  }

  export interface CoordinateErrorFieldEvent {
    field: '$.error'
    value: number
  }

  export function encode (obj: Partial<Coordinate>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Coordinate.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Coordinate>): Coordinate {
    return decodeMessage(buf, Coordinate.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Coordinate>): Generator<CoordinateVectorFieldEvent | CoordinateHeightMsFieldEvent | CoordinateAdjustmentMsFieldEvent | CoordinateErrorFieldEvent> {
    return streamMessage(buf, Coordinate.codec(), opts)
  }
}

export interface Probe {
  kind: number
  sequence: number
  target: Uint8Array<ArrayBuffer>
}

export namespace Probe {
  let _codec: Codec<Probe>

  export const codec = (): Codec<Probe> => {
    if (_codec == null) {
      _codec = message<Probe>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.kind != null && obj.kind !== 0)) {
          w.uint32(8)
          w.uint32(obj.kind)
        }

        if ((obj.sequence != null && obj.sequence !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.sequence)
        }

        if ((obj.target != null && obj.target.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.target)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          kind: 0,
          sequence: 0,
          target: new Uint8Array(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.kind = reader.uint32()
              break
            }
            case 2: {
              obj.sequence = reader.uint64Number()
              break
            }
            case 3: {
              obj.target = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.kind`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.sequence`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.target`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ProbeKindFieldEvent {
    field: '$.kind'
    value: number
  }

  export interface ProbeSequenceFieldEvent {
    field: '$.sequence'
    value: number
  }

  export interface ProbeTargetFieldEvent {
    field: '$.target'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Probe>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Probe.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Probe>): Probe {
    return decodeMessage(buf, Probe.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Probe>): Generator<ProbeKindFieldEvent | ProbeSequenceFieldEvent | ProbeTargetFieldEvent> {
    return streamMessage(buf, Probe.codec(), opts)
  }
}

export interface LoadDigest {
  cpuPermille: number
  memoryPermille: number
  inFlight: number
  overloaded: boolean
  drill: boolean
  sequence: number
  serviceCode: number
}

export namespace LoadDigest {
  let _codec: Codec<LoadDigest>

  export const codec = (): Codec<LoadDigest> => {
    if (_codec == null) {
      _codec = message<LoadDigest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.cpuPermille != null && obj.cpuPermille !== 0)) {
          w.uint32(8)
          w.uint32(obj.cpuPermille)
        }

        if ((obj.memoryPermille != null && obj.memoryPermille !== 0)) {
          w.uint32(16)
          w.uint32(obj.memoryPermille)
        }

        if ((obj.inFlight != null && obj.inFlight !== 0)) {
          w.uint32(24)
          w.uint32(obj.inFlight)
        }

        if ((obj.overloaded != null && obj.overloaded !== false)) {
          w.uint32(32)
          w.bool(obj.overloaded)
        }

        if ((obj.drill != null && obj.drill !== false)) {
          w.uint32(40)
          w.bool(obj.drill)
        }

        if ((obj.sequence != null && obj.sequence !== 0)) {
          w.uint32(48)
          w.uint64Number(obj.sequence)
        }

        if ((obj.serviceCode != null && obj.serviceCode !== 0)) {
          w.uint32(56)
          w.uint32(obj.serviceCode)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          cpuPermille: 0,
          memoryPermille: 0,
          inFlight: 0,
          overloaded: false,
          drill: false,
          sequence: 0,
          serviceCode: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.cpuPermille = reader.uint32()
              break
            }
            case 2: {
              obj.memoryPermille = reader.uint32()
              break
            }
            case 3: {
              obj.inFlight = reader.uint32()
              break
            }
            case 4: {
              obj.overloaded = reader.bool()
              break
            }
            case 5: {
              obj.drill = reader.bool()
              break
            }
            case 6: {
              obj.sequence = reader.uint64Number()
              break
            }
            case 7: {
              obj.serviceCode = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.cpuPermille`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.memoryPermille`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.inFlight`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.overloaded`,
                value: reader.bool()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.drill`,
                value: reader.bool()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.sequence`,
                value: reader.uint64Number()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.serviceCode`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface LoadDigestCpuPermilleFieldEvent {
    field: '$.cpuPermille'
    value: number
  }

  export interface LoadDigestMemoryPermilleFieldEvent {
    field: '$.memoryPermille'
    value: number
  }

  export interface LoadDigestInFlightFieldEvent {
    field: '$.inFlight'
    value: number
  }

  export interface LoadDigestOverloadedFieldEvent {
    field: '$.overloaded'
    value: boolean
  }

  export interface LoadDigestDrillFieldEvent {
    field: '$.drill'
    value: boolean
  }

  export interface LoadDigestSequenceFieldEvent {
    field: '$.sequence'
    value: number
  }

  export interface LoadDigestServiceCodeFieldEvent {
    field: '$.serviceCode'
    value: number
  }

  export function encode (obj: Partial<LoadDigest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, LoadDigest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LoadDigest>): LoadDigest {
    return decodeMessage(buf, LoadDigest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LoadDigest>): Generator<LoadDigestCpuPermilleFieldEvent | LoadDigestMemoryPermilleFieldEvent | LoadDigestInFlightFieldEvent | LoadDigestOverloadedFieldEvent | LoadDigestDrillFieldEvent | LoadDigestSequenceFieldEvent | LoadDigestServiceCodeFieldEvent> {
    return streamMessage(buf, LoadDigest.codec(), opts)
  }
}

export interface Packet {
  probe?: Probe
  updates: Update[]
  load?: LoadDigest
  reports: Report[]
  coordinate?: Coordinate
}

export namespace Packet {
  let _codec: Codec<Packet>

  export const codec = (): Codec<Packet> => {
    if (_codec == null) {
      _codec = message<Packet>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.probe != null) {
          w.uint32(10)
          Probe.codec().encode(obj.probe, w)
        }

        if (obj.updates != null && obj.updates.length > 0) {
          for (const value of obj.updates) {
            w.uint32(18)
            Update.codec().encode(value, w)
          }
        }

        if (obj.load != null) {
          w.uint32(26)
          LoadDigest.codec().encode(obj.load, w)
        }

        if (obj.reports != null && obj.reports.length > 0) {
          for (const value of obj.reports) {
            w.uint32(34)
            Report.codec().encode(value, w)
          }
        }

        if (obj.coordinate != null) {
          w.uint32(42)
          Coordinate.codec().encode(obj.coordinate, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          updates: [],
          reports: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.probe = Probe.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.probe
              } as object)
              break
            }
            case 2: {
              if (opts.limits?.updates != null && obj.updates.length === opts.limits.updates) {
                throw new MaxLengthError('Decode error - repeated field "updates" had too many elements')
              }

              obj.updates.push(Update.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.updates$
              } as object))
              break
            }
            case 3: {
              obj.load = LoadDigest.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.load
              } as object)
              break
            }
            case 4: {
              if (opts.limits?.reports != null && obj.reports.length === opts.limits.reports) {
                throw new MaxLengthError('Decode error - repeated field "reports" had too many elements')
              }

              obj.reports.push(Report.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.reports$
              } as object))
              break
            }
            case 5: {
              obj.coordinate = Coordinate.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.coordinate
              } as object)
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          updates: 0,
          reports: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Probe.codec().stream(reader, reader.uint32(), `${prefix}.probe`, {
                limits: opts.limits?.probe
              } as object)

              break
            }
            case 2: {
              if (opts.limits?.updates != null && obj.updates === opts.limits.updates) {
                throw new MaxLengthError('Streaming decode error - repeated field "updates" had too many elements')
              }

              for (const evt of Update.codec().stream(reader, reader.uint32(), `${prefix}.updates[]`, {
                limits: opts.limits?.updates$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.updates
                }
              }

              obj.updates++

              break
            }
            case 3: {
              yield * LoadDigest.codec().stream(reader, reader.uint32(), `${prefix}.load`, {
                limits: opts.limits?.load
              } as object)

              break
            }
            case 4: {
              if (opts.limits?.reports != null && obj.reports === opts.limits.reports) {
                throw new MaxLengthError('Streaming decode error - repeated field "reports" had too many elements')
              }

              for (const evt of Report.codec().stream(reader, reader.uint32(), `${prefix}.reports[]`, {
                limits: opts.limits?.reports$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.reports
                }
              }

              obj.reports++

              break
            }
            case 5: {
              yield * Coordinate.codec().stream(reader, reader.uint32(), `${prefix}.coordinate`, {
                limits: opts.limits?.coordinate
              } as object)

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PacketProbeKindFieldEvent {
    field: '$.probe.kind'
    value: number
  }

  export interface PacketProbeSequenceFieldEvent {
    field: '$.probe.sequence'
    value: number
  }

  export interface PacketProbeTargetFieldEvent {
    field: '$.probe.target'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PacketUpdatesKindFieldEvent {
    field: '$.updates[].kind'
    value: number
    index: number
  }

  export interface PacketUpdatesEnvelopeFieldEvent {
    field: '$.updates[].envelope'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PacketUpdatesSubjectFieldEvent {
    field: '$.updates[].subject'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PacketUpdatesIncarnationFieldEvent {
    field: '$.updates[].incarnation'
    value: number
    index: number
  }

  export interface PacketUpdatesFromFieldEvent {
    field: '$.updates[].from'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PacketUpdatesEvidenceFieldEvent {
    field: '$.updates[].evidence'
    value: number
    index: number
  }

  export interface PacketUpdatesSuspectedByFieldEvent {
    field: '$.updates[].suspectedBy'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PacketUpdatesConfirmedByFieldEvent {
    field: '$.updates[].confirmedBy[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface PacketUpdatesProbeMsFieldEvent {
    field: '$.updates[].probeMs'
    value: number
    index: number
  }

  export interface PacketUpdatesSuspicionMsFieldEvent {
    field: '$.updates[].suspicionMs'
    value: number
    index: number
  }

  export interface PacketLoadCpuPermilleFieldEvent {
    field: '$.load.cpuPermille'
    value: number
  }

  export interface PacketLoadMemoryPermilleFieldEvent {
    field: '$.load.memoryPermille'
    value: number
  }

  export interface PacketLoadInFlightFieldEvent {
    field: '$.load.inFlight'
    value: number
  }

  export interface PacketLoadOverloadedFieldEvent {
    field: '$.load.overloaded'
    value: boolean
  }

  export interface PacketLoadDrillFieldEvent {
    field: '$.load.drill'
    value: boolean
  }

  export interface PacketLoadSequenceFieldEvent {
    field: '$.load.sequence'
    value: number
  }

  export interface PacketLoadServiceCodeFieldEvent {
    field: '$.load.serviceCode'
    value: number
  }

  export interface PacketReportsSubjectFieldEvent {
    field: '$.reports[].subject'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PacketReportsIncarnationFieldEvent {
    field: '$.reports[].incarnation'
    value: number
    index: number
  }

  export interface PacketReportsVerdictFieldEvent {
    field: '$.reports[].verdict'
    value: number
    index: number
  }

  export interface PacketReportsEvidenceFieldEvent {
    field: '$.reports[].evidence'
    value: number
    index: number
  }

  export interface PacketCoordinateVectorFieldEvent {
    field: '$.coordinate.vector'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PacketCoordinateHeightMsFieldEvent {
    field: '$.coordinate.heightMs'
    value: number
  }

  export interface PacketCoordinateAdjustmentMsFieldEvent {
    field: '$.coordinate.adjustmentMs'
    value: number
  }

  export interface PacketCoordinateErrorFieldEvent {
    field: '$.coordinate.error'
    value: number
  }

  export function encode (obj: Partial<Packet>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Packet.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Packet>): Packet {
    return decodeMessage(buf, Packet.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Packet>): Generator<PacketProbeKindFieldEvent | PacketProbeSequenceFieldEvent | PacketProbeTargetFieldEvent | PacketUpdatesKindFieldEvent | PacketUpdatesEnvelopeFieldEvent | PacketUpdatesSubjectFieldEvent | PacketUpdatesIncarnationFieldEvent | PacketUpdatesFromFieldEvent | PacketUpdatesEvidenceFieldEvent | PacketUpdatesSuspectedByFieldEvent | PacketUpdatesConfirmedByFieldEvent | PacketUpdatesProbeMsFieldEvent | PacketUpdatesSuspicionMsFieldEvent | PacketLoadCpuPermilleFieldEvent | PacketLoadMemoryPermilleFieldEvent | PacketLoadInFlightFieldEvent | PacketLoadOverloadedFieldEvent | PacketLoadDrillFieldEvent | PacketLoadSequenceFieldEvent | PacketLoadServiceCodeFieldEvent | PacketReportsSubjectFieldEvent | PacketReportsIncarnationFieldEvent | PacketReportsVerdictFieldEvent | PacketReportsEvidenceFieldEvent | PacketCoordinateVectorFieldEvent | PacketCoordinateHeightMsFieldEvent | PacketCoordinateAdjustmentMsFieldEvent | PacketCoordinateErrorFieldEvent> {
    return streamMessage(buf, Packet.codec(), opts)
  }
}

export interface Announcement {
  updates: Update[]
  sentWallMs: number
}

export namespace Announcement {
  let _codec: Codec<Announcement>

  export const codec = (): Codec<Announcement> => {
    if (_codec == null) {
      _codec = message<Announcement>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.updates != null && obj.updates.length > 0) {
          for (const value of obj.updates) {
            w.uint32(10)
            Update.codec().encode(value, w)
          }
        }

        if ((obj.sentWallMs != null && obj.sentWallMs !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.sentWallMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          updates: [],
          sentWallMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.updates != null && obj.updates.length === opts.limits.updates) {
                throw new MaxLengthError('Decode error - repeated field "updates" had too many elements')
              }

              obj.updates.push(Update.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.updates$
              } as object))
              break
            }
            case 2: {
              obj.sentWallMs = reader.uint64Number()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          updates: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.updates != null && obj.updates === opts.limits.updates) {
                throw new MaxLengthError('Streaming decode error - repeated field "updates" had too many elements')
              }

              for (const evt of Update.codec().stream(reader, reader.uint32(), `${prefix}.updates[]`, {
                limits: opts.limits?.updates$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.updates
                }
              }

              obj.updates++

              break
            }
            case 2: {
              yield {
                field: `${prefix}.sentWallMs`,
                value: reader.uint64Number()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface AnnouncementUpdatesKindFieldEvent {
    field: '$.updates[].kind'
    value: number
    index: number
  }

  export interface AnnouncementUpdatesEnvelopeFieldEvent {
    field: '$.updates[].envelope'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface AnnouncementUpdatesSubjectFieldEvent {
    field: '$.updates[].subject'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface AnnouncementUpdatesIncarnationFieldEvent {
    field: '$.updates[].incarnation'
    value: number
    index: number
  }

  export interface AnnouncementUpdatesFromFieldEvent {
    field: '$.updates[].from'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface AnnouncementUpdatesEvidenceFieldEvent {
    field: '$.updates[].evidence'
    value: number
    index: number
  }

  export interface AnnouncementUpdatesSuspectedByFieldEvent {
    field: '$.updates[].suspectedBy'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface AnnouncementUpdatesConfirmedByFieldEvent {
    field: '$.updates[].confirmedBy[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface AnnouncementUpdatesProbeMsFieldEvent {
    field: '$.updates[].probeMs'
    value: number
    index: number
  }

  export interface AnnouncementUpdatesSuspicionMsFieldEvent {
    field: '$.updates[].suspicionMs'
    value: number
    index: number
  }

  export interface AnnouncementSentWallMsFieldEvent {
    field: '$.sentWallMs'
    value: number
  }

  export function encode (obj: Partial<Announcement>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Announcement.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Announcement>): Announcement {
    return decodeMessage(buf, Announcement.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Announcement>): Generator<AnnouncementUpdatesKindFieldEvent | AnnouncementUpdatesEnvelopeFieldEvent | AnnouncementUpdatesSubjectFieldEvent | AnnouncementUpdatesIncarnationFieldEvent | AnnouncementUpdatesFromFieldEvent | AnnouncementUpdatesEvidenceFieldEvent | AnnouncementUpdatesSuspectedByFieldEvent | AnnouncementUpdatesConfirmedByFieldEvent | AnnouncementUpdatesProbeMsFieldEvent | AnnouncementUpdatesSuspicionMsFieldEvent | AnnouncementSentWallMsFieldEvent> {
    return streamMessage(buf, Announcement.codec(), opts)
  }
}

export interface LoadSnapshot {
  publicKey: Uint8Array<ArrayBuffer>
  atWallMs: number
  sequence: number
  cpuPercent: number
  memoryPercent: number
  memoryBytes: number
  processCpuPercent: number
  eventLoopDelayMs: number
  inFlight: number
  overloaded: boolean
  drill: boolean
  readyDatabases: string[]
  paths: Uint8Array<ArrayBuffer>
  lagsMs: number[]
  serviceCodes: Uint8Array<ArrayBuffer>
}

export namespace LoadSnapshot {
  let _codec: Codec<LoadSnapshot>

  export const codec = (): Codec<LoadSnapshot> => {
    if (_codec == null) {
      _codec = message<LoadSnapshot>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.publicKey != null && obj.publicKey.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.publicKey)
        }

        if ((obj.atWallMs != null && obj.atWallMs !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.atWallMs)
        }

        if ((obj.sequence != null && obj.sequence !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.sequence)
        }

        if ((obj.cpuPercent != null && obj.cpuPercent !== 0)) {
          w.uint32(33)
          w.double(obj.cpuPercent)
        }

        if ((obj.memoryPercent != null && obj.memoryPercent !== 0)) {
          w.uint32(41)
          w.double(obj.memoryPercent)
        }

        if ((obj.memoryBytes != null && obj.memoryBytes !== 0)) {
          w.uint32(48)
          w.uint64Number(obj.memoryBytes)
        }

        if ((obj.processCpuPercent != null && obj.processCpuPercent !== 0)) {
          w.uint32(57)
          w.double(obj.processCpuPercent)
        }

        if ((obj.eventLoopDelayMs != null && obj.eventLoopDelayMs !== 0)) {
          w.uint32(65)
          w.double(obj.eventLoopDelayMs)
        }

        if ((obj.inFlight != null && obj.inFlight !== 0)) {
          w.uint32(72)
          w.uint32(obj.inFlight)
        }

        if ((obj.overloaded != null && obj.overloaded !== false)) {
          w.uint32(80)
          w.bool(obj.overloaded)
        }

        if ((obj.drill != null && obj.drill !== false)) {
          w.uint32(88)
          w.bool(obj.drill)
        }

        if (obj.readyDatabases != null && obj.readyDatabases.length > 0) {
          for (const value of obj.readyDatabases) {
            w.uint32(98)
            w.string(value)
          }
        }

        if ((obj.paths != null && obj.paths.byteLength > 0)) {
          w.uint32(106)
          w.bytes(obj.paths)
        }

        if (obj.lagsMs != null && obj.lagsMs.length > 0) {
          for (const value of obj.lagsMs) {
            w.uint32(113)
            w.double(value)
          }
        }

        if ((obj.serviceCodes != null && obj.serviceCodes.byteLength > 0)) {
          w.uint32(122)
          w.bytes(obj.serviceCodes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          publicKey: new Uint8Array(0),
          atWallMs: 0,
          sequence: 0,
          cpuPercent: 0,
          memoryPercent: 0,
          memoryBytes: 0,
          processCpuPercent: 0,
          eventLoopDelayMs: 0,
          inFlight: 0,
          overloaded: false,
          drill: false,
          readyDatabases: [],
          paths: new Uint8Array(0),
          lagsMs: [],
          serviceCodes: new Uint8Array(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.publicKey = reader.bytes()
              break
            }
            case 2: {
              obj.atWallMs = reader.uint64Number()
              break
            }
            case 3: {
              obj.sequence = reader.uint64Number()
              break
            }
            case 4: {
              obj.cpuPercent = reader.double()
              break
            }
            case 5: {
              obj.memoryPercent = reader.double()
              break
            }
            case 6: {
              obj.memoryBytes = reader.uint64Number()
              break
            }
            case 7: {
              obj.processCpuPercent = reader.double()
              break
            }
            case 8: {
              obj.eventLoopDelayMs = reader.double()
              break
            }
            case 9: {
              obj.inFlight = reader.uint32()
              break
            }
            case 10: {
              obj.overloaded = reader.bool()
              break
            }
            case 11: {
              obj.drill = reader.bool()
              break
            }
            case 12: {
              if (opts.limits?.readyDatabases != null && obj.readyDatabases.length === opts.limits.readyDatabases) {
                throw new MaxLengthError('Decode error - repeated field "readyDatabases" had too many elements')
              }

              obj.readyDatabases.push(reader.string())
              break
            }
            case 13: {
              obj.paths = reader.bytes()
              break
            }
            case 14: {
              if (opts.limits?.lagsMs != null && obj.lagsMs.length === opts.limits.lagsMs) {
                throw new MaxLengthError('Decode error - repeated field "lagsMs" had too many elements')
              }

              obj.lagsMs.push(reader.double())
              break
            }
            case 15: {
              obj.serviceCodes = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          readyDatabases: 0,
          lagsMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.publicKey`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.atWallMs`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.sequence`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.cpuPercent`,
                value: reader.double()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.memoryPercent`,
                value: reader.double()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.memoryBytes`,
                value: reader.uint64Number()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.processCpuPercent`,
                value: reader.double()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.eventLoopDelayMs`,
                value: reader.double()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.inFlight`,
                value: reader.uint32()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.overloaded`,
                value: reader.bool()
              }
              break
            }
            case 11: {
              yield {
                field: `${prefix}.drill`,
                value: reader.bool()
              }
              break
            }
            case 12: {
              if (opts.limits?.readyDatabases != null && obj.readyDatabases === opts.limits.readyDatabases) {
                throw new MaxLengthError('Streaming decode error - repeated field "readyDatabases" had too many elements')
              }

              yield {
                field: `${prefix}.readyDatabases[]`,
                index: obj.readyDatabases,
                value: reader.string()
              }

              obj.readyDatabases++

              break
            }
            case 13: {
              yield {
                field: `${prefix}.paths`,
                value: reader.bytes()
              }
              break
            }
            case 14: {
              if (opts.limits?.lagsMs != null && obj.lagsMs === opts.limits.lagsMs) {
                throw new MaxLengthError('Streaming decode error - repeated field "lagsMs" had too many elements')
              }

              yield {
                field: `${prefix}.lagsMs[]`,
                index: obj.lagsMs,
                value: reader.double()
              }

              obj.lagsMs++

              break
            }
            case 15: {
              yield {
                field: `${prefix}.serviceCodes`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface LoadSnapshotPublicKeyFieldEvent {
    field: '$.publicKey'
    value: Uint8Array<ArrayBuffer>
  }

  export interface LoadSnapshotAtWallMsFieldEvent {
    field: '$.atWallMs'
    value: number
  }

  export interface LoadSnapshotSequenceFieldEvent {
    field: '$.sequence'
    value: number
  }

  export interface LoadSnapshotCpuPercentFieldEvent {
    field: '$.cpuPercent'
    value: number
  }

  export interface LoadSnapshotMemoryPercentFieldEvent {
    field: '$.memoryPercent'
    value: number
  }

  export interface LoadSnapshotMemoryBytesFieldEvent {
    field: '$.memoryBytes'
    value: number
  }

  export interface LoadSnapshotProcessCpuPercentFieldEvent {
    field: '$.processCpuPercent'
    value: number
  }

  export interface LoadSnapshotEventLoopDelayMsFieldEvent {
    field: '$.eventLoopDelayMs'
    value: number
  }

  export interface LoadSnapshotInFlightFieldEvent {
    field: '$.inFlight'
    value: number
  }

  export interface LoadSnapshotOverloadedFieldEvent {
    field: '$.overloaded'
    value: boolean
  }

  export interface LoadSnapshotDrillFieldEvent {
    field: '$.drill'
    value: boolean
  }

  export interface LoadSnapshotReadyDatabasesFieldEvent {
    field: '$.readyDatabases[]'
    index: number
    value: string
  }

  export interface LoadSnapshotPathsFieldEvent {
    field: '$.paths'
    value: Uint8Array<ArrayBuffer>
  }

  export interface LoadSnapshotLagsMsFieldEvent {
    field: '$.lagsMs[]'
    index: number
    value: number
  }

  export interface LoadSnapshotServiceCodesFieldEvent {
    field: '$.serviceCodes'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<LoadSnapshot>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, LoadSnapshot.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LoadSnapshot>): LoadSnapshot {
    return decodeMessage(buf, LoadSnapshot.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<LoadSnapshot>): Generator<LoadSnapshotPublicKeyFieldEvent | LoadSnapshotAtWallMsFieldEvent | LoadSnapshotSequenceFieldEvent | LoadSnapshotCpuPercentFieldEvent | LoadSnapshotMemoryPercentFieldEvent | LoadSnapshotMemoryBytesFieldEvent | LoadSnapshotProcessCpuPercentFieldEvent | LoadSnapshotEventLoopDelayMsFieldEvent | LoadSnapshotInFlightFieldEvent | LoadSnapshotOverloadedFieldEvent | LoadSnapshotDrillFieldEvent | LoadSnapshotReadyDatabasesFieldEvent | LoadSnapshotPathsFieldEvent | LoadSnapshotLagsMsFieldEvent | LoadSnapshotServiceCodesFieldEvent> {
    return streamMessage(buf, LoadSnapshot.codec(), opts)
  }
}

export interface SyncLines {
  lines: SyncLine[]
}

export namespace SyncLines {
  let _codec: Codec<SyncLines>

  export const codec = (): Codec<SyncLines> => {
    if (_codec == null) {
      _codec = message<SyncLines>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.lines != null && obj.lines.length > 0) {
          for (const value of obj.lines) {
            w.uint32(10)
            SyncLine.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          lines: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.lines != null && obj.lines.length === opts.limits.lines) {
                throw new MaxLengthError('Decode error - repeated field "lines" had too many elements')
              }

              obj.lines.push(SyncLine.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.lines$
              } as object))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          lines: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.lines != null && obj.lines === opts.limits.lines) {
                throw new MaxLengthError('Streaming decode error - repeated field "lines" had too many elements')
              }

              for (const evt of SyncLine.codec().stream(reader, reader.uint32(), `${prefix}.lines[]`, {
                limits: opts.limits?.lines$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.lines
                }
              }

              obj.lines++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SyncLinesLinesEnvelopeFieldEvent {
    field: '$.lines[].envelope'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface SyncLinesLinesStateFieldEvent {
    field: '$.lines[].state'
    value: number
    index: number
  }

  export interface SyncLinesLinesLeaveFieldEvent {
    field: '$.lines[].leave'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface SyncLinesLinesAgeMsFieldEvent {
    field: '$.lines[].ageMs'
    value: number
    index: number
  }

  export function encode (obj: Partial<SyncLines>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SyncLines.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncLines>): SyncLines {
    return decodeMessage(buf, SyncLines.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncLines>): Generator<SyncLinesLinesEnvelopeFieldEvent | SyncLinesLinesStateFieldEvent | SyncLinesLinesLeaveFieldEvent | SyncLinesLinesAgeMsFieldEvent> {
    return streamMessage(buf, SyncLines.codec(), opts)
  }
}

export interface SyncLine {
  envelope: Uint8Array<ArrayBuffer>
  state: number
  leave: Uint8Array<ArrayBuffer>
  ageMs: number
}

export namespace SyncLine {
  let _codec: Codec<SyncLine>

  export const codec = (): Codec<SyncLine> => {
    if (_codec == null) {
      _codec = message<SyncLine>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.envelope != null && obj.envelope.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.envelope)
        }

        if ((obj.state != null && obj.state !== 0)) {
          w.uint32(16)
          w.uint32(obj.state)
        }

        if ((obj.leave != null && obj.leave.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.leave)
        }

        if ((obj.ageMs != null && obj.ageMs !== 0)) {
          w.uint32(32)
          w.uint64Number(obj.ageMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          envelope: new Uint8Array(0),
          state: 0,
          leave: new Uint8Array(0),
          ageMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.envelope = reader.bytes()
              break
            }
            case 2: {
              obj.state = reader.uint32()
              break
            }
            case 3: {
              obj.leave = reader.bytes()
              break
            }
            case 4: {
              obj.ageMs = reader.uint64Number()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.envelope`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.state`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.leave`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.ageMs`,
                value: reader.uint64Number()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SyncLineEnvelopeFieldEvent {
    field: '$.envelope'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncLineStateFieldEvent {
    field: '$.state'
    value: number
  }

  export interface SyncLineLeaveFieldEvent {
    field: '$.leave'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncLineAgeMsFieldEvent {
    field: '$.ageMs'
    value: number
  }

  export function encode (obj: Partial<SyncLine>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SyncLine.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncLine>): SyncLine {
    return decodeMessage(buf, SyncLine.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncLine>): Generator<SyncLineEnvelopeFieldEvent | SyncLineStateFieldEvent | SyncLineLeaveFieldEvent | SyncLineAgeMsFieldEvent> {
    return streamMessage(buf, SyncLine.codec(), opts)
  }
}

export interface SyncRequest {
  kind: number
  salt: number
  count: number
  digest: Uint8Array<ArrayBuffer>
  bucketCount: number
  buckets: Uint8Array<ArrayBuffer>
  known: Uint8Array<ArrayBuffer>
  lines: Uint8Array<ArrayBuffer>
  encoding: number
}

export namespace SyncRequest {
  let _codec: Codec<SyncRequest>

  export const codec = (): Codec<SyncRequest> => {
    if (_codec == null) {
      _codec = message<SyncRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.kind != null && obj.kind !== 0)) {
          w.uint32(8)
          w.uint32(obj.kind)
        }

        if ((obj.salt != null && obj.salt !== 0)) {
          w.uint32(21)
          w.fixed32(obj.salt)
        }

        if ((obj.count != null && obj.count !== 0)) {
          w.uint32(24)
          w.uint32(obj.count)
        }

        if ((obj.digest != null && obj.digest.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.digest)
        }

        if ((obj.bucketCount != null && obj.bucketCount !== 0)) {
          w.uint32(40)
          w.uint32(obj.bucketCount)
        }

        if ((obj.buckets != null && obj.buckets.byteLength > 0)) {
          w.uint32(50)
          w.bytes(obj.buckets)
        }

        if ((obj.known != null && obj.known.byteLength > 0)) {
          w.uint32(58)
          w.bytes(obj.known)
        }

        if ((obj.lines != null && obj.lines.byteLength > 0)) {
          w.uint32(66)
          w.bytes(obj.lines)
        }

        if ((obj.encoding != null && obj.encoding !== 0)) {
          w.uint32(72)
          w.uint32(obj.encoding)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          kind: 0,
          salt: 0,
          count: 0,
          digest: new Uint8Array(0),
          bucketCount: 0,
          buckets: new Uint8Array(0),
          known: new Uint8Array(0),
          lines: new Uint8Array(0),
          encoding: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.kind = reader.uint32()
              break
            }
            case 2: {
              obj.salt = reader.fixed32()
              break
            }
            case 3: {
              obj.count = reader.uint32()
              break
            }
            case 4: {
              obj.digest = reader.bytes()
              break
            }
            case 5: {
              obj.bucketCount = reader.uint32()
              break
            }
            case 6: {
              obj.buckets = reader.bytes()
              break
            }
            case 7: {
              obj.known = reader.bytes()
              break
            }
            case 8: {
              obj.lines = reader.bytes()
              break
            }
            case 9: {
              obj.encoding = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.kind`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.salt`,
                value: reader.fixed32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.count`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.digest`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.bucketCount`,
                value: reader.uint32()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.buckets`,
                value: reader.bytes()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.known`,
                value: reader.bytes()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.lines`,
                value: reader.bytes()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.encoding`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SyncRequestKindFieldEvent {
    field: '$.kind'
    value: number
  }

  export interface SyncRequestSaltFieldEvent {
    field: '$.salt'
    value: number
  }

  export interface SyncRequestCountFieldEvent {
    field: '$.count'
    value: number
  }

  export interface SyncRequestDigestFieldEvent {
    field: '$.digest'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncRequestBucketCountFieldEvent {
    field: '$.bucketCount'
    value: number
  }

  export interface SyncRequestBucketsFieldEvent {
    field: '$.buckets'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncRequestKnownFieldEvent {
    field: '$.known'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncRequestLinesFieldEvent {
    field: '$.lines'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncRequestEncodingFieldEvent {
    field: '$.encoding'
    value: number
  }

  export function encode (obj: Partial<SyncRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SyncRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncRequest>): SyncRequest {
    return decodeMessage(buf, SyncRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncRequest>): Generator<SyncRequestKindFieldEvent | SyncRequestSaltFieldEvent | SyncRequestCountFieldEvent | SyncRequestDigestFieldEvent | SyncRequestBucketCountFieldEvent | SyncRequestBucketsFieldEvent | SyncRequestKnownFieldEvent | SyncRequestLinesFieldEvent | SyncRequestEncodingFieldEvent> {
    return streamMessage(buf, SyncRequest.codec(), opts)
  }
}

export interface SyncAnswer {
  kind: number
  prints: Uint8Array<ArrayBuffer>
  lines: Uint8Array<ArrayBuffer>
  encoding: number
  wanted: Uint8Array<ArrayBuffer>
  partial: boolean
}

export namespace SyncAnswer {
  let _codec: Codec<SyncAnswer>

  export const codec = (): Codec<SyncAnswer> => {
    if (_codec == null) {
      _codec = message<SyncAnswer>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.kind != null && obj.kind !== 0)) {
          w.uint32(8)
          w.uint32(obj.kind)
        }

        if ((obj.prints != null && obj.prints.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.prints)
        }

        if ((obj.lines != null && obj.lines.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.lines)
        }

        if ((obj.encoding != null && obj.encoding !== 0)) {
          w.uint32(32)
          w.uint32(obj.encoding)
        }

        if ((obj.wanted != null && obj.wanted.byteLength > 0)) {
          w.uint32(42)
          w.bytes(obj.wanted)
        }

        if ((obj.partial != null && obj.partial !== false)) {
          w.uint32(48)
          w.bool(obj.partial)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          kind: 0,
          prints: new Uint8Array(0),
          lines: new Uint8Array(0),
          encoding: 0,
          wanted: new Uint8Array(0),
          partial: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.kind = reader.uint32()
              break
            }
            case 2: {
              obj.prints = reader.bytes()
              break
            }
            case 3: {
              obj.lines = reader.bytes()
              break
            }
            case 4: {
              obj.encoding = reader.uint32()
              break
            }
            case 5: {
              obj.wanted = reader.bytes()
              break
            }
            case 6: {
              obj.partial = reader.bool()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.kind`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.prints`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.lines`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.encoding`,
                value: reader.uint32()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.wanted`,
                value: reader.bytes()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.partial`,
                value: reader.bool()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SyncAnswerKindFieldEvent {
    field: '$.kind'
    value: number
  }

  export interface SyncAnswerPrintsFieldEvent {
    field: '$.prints'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncAnswerLinesFieldEvent {
    field: '$.lines'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncAnswerEncodingFieldEvent {
    field: '$.encoding'
    value: number
  }

  export interface SyncAnswerWantedFieldEvent {
    field: '$.wanted'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SyncAnswerPartialFieldEvent {
    field: '$.partial'
    value: boolean
  }

  export function encode (obj: Partial<SyncAnswer>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SyncAnswer.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncAnswer>): SyncAnswer {
    return decodeMessage(buf, SyncAnswer.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SyncAnswer>): Generator<SyncAnswerKindFieldEvent | SyncAnswerPrintsFieldEvent | SyncAnswerLinesFieldEvent | SyncAnswerEncodingFieldEvent | SyncAnswerWantedFieldEvent | SyncAnswerPartialFieldEvent> {
    return streamMessage(buf, SyncAnswer.codec(), opts)
  }
}
