import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface Frame {
  request?: Request
  response?: Response
  batch?: Batch
  end?: End
  failure?: Failure
  credit?: Credit
  cancel?: Cancel
  attach?: Attach
  hello?: Hello
}

export namespace Frame {
  let _codec: Codec<Frame>

  export const codec = (): Codec<Frame> => {
    if (_codec == null) {
      _codec = message<Frame>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.request != null) {
          w.uint32(10)
          Request.codec().encode(obj.request, w)
        }

        if (obj.response != null) {
          w.uint32(18)
          Response.codec().encode(obj.response, w)
        }

        if (obj.batch != null) {
          w.uint32(26)
          Batch.codec().encode(obj.batch, w)
        }

        if (obj.end != null) {
          w.uint32(34)
          End.codec().encode(obj.end, w)
        }

        if (obj.failure != null) {
          w.uint32(42)
          Failure.codec().encode(obj.failure, w)
        }

        if (obj.credit != null) {
          w.uint32(50)
          Credit.codec().encode(obj.credit, w)
        }

        if (obj.cancel != null) {
          w.uint32(58)
          Cancel.codec().encode(obj.cancel, w)
        }

        if (obj.attach != null) {
          w.uint32(66)
          Attach.codec().encode(obj.attach, w)
        }

        if (obj.hello != null) {
          w.uint32(74)
          Hello.codec().encode(obj.hello, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.request = Request.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.request
              } as object)
              break
            }
            case 2: {
              obj.response = Response.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.response
              } as object)
              break
            }
            case 3: {
              obj.batch = Batch.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.batch
              } as object)
              break
            }
            case 4: {
              obj.end = End.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.end
              } as object)
              break
            }
            case 5: {
              obj.failure = Failure.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.failure
              } as object)
              break
            }
            case 6: {
              obj.credit = Credit.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.credit
              } as object)
              break
            }
            case 7: {
              obj.cancel = Cancel.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.cancel
              } as object)
              break
            }
            case 8: {
              obj.attach = Attach.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.attach
              } as object)
              break
            }
            case 9: {
              obj.hello = Hello.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.hello
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
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Request.codec().stream(reader, reader.uint32(), `${prefix}.request`, {
                limits: opts.limits?.request
              } as object)

              break
            }
            case 2: {
              yield * Response.codec().stream(reader, reader.uint32(), `${prefix}.response`, {
                limits: opts.limits?.response
              } as object)

              break
            }
            case 3: {
              yield * Batch.codec().stream(reader, reader.uint32(), `${prefix}.batch`, {
                limits: opts.limits?.batch
              } as object)

              break
            }
            case 4: {
              yield * End.codec().stream(reader, reader.uint32(), `${prefix}.end`, {
                limits: opts.limits?.end
              } as object)

              break
            }
            case 5: {
              yield * Failure.codec().stream(reader, reader.uint32(), `${prefix}.failure`, {
                limits: opts.limits?.failure
              } as object)

              break
            }
            case 6: {
              yield * Credit.codec().stream(reader, reader.uint32(), `${prefix}.credit`, {
                limits: opts.limits?.credit
              } as object)

              break
            }
            case 7: {
              yield * Cancel.codec().stream(reader, reader.uint32(), `${prefix}.cancel`, {
                limits: opts.limits?.cancel
              } as object)

              break
            }
            case 8: {
              yield * Attach.codec().stream(reader, reader.uint32(), `${prefix}.attach`, {
                limits: opts.limits?.attach
              } as object)

              break
            }
            case 9: {
              yield * Hello.codec().stream(reader, reader.uint32(), `${prefix}.hello`, {
                limits: opts.limits?.hello
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

  export interface FrameRequestIdFieldEvent {
    field: '$.request.id'
    value: number
  }

  export interface FrameRequestDatabaseFieldEvent {
    field: '$.request.database'
    value: string
  }

  export interface FrameRequestSqlFieldEvent {
    field: '$.request.sql'
    value: string
  }

  export interface FrameRequestParametersIsNullFieldEvent {
    field: '$.request.parameters[].isNull'
    value: boolean
    index: number
  }

  export interface FrameRequestParametersBooleanFieldEvent {
    field: '$.request.parameters[].boolean'
    value: boolean
    index: number
  }

  export interface FrameRequestParametersNumberFieldEvent {
    field: '$.request.parameters[].number'
    value: number
    index: number
  }

  export interface FrameRequestParametersIntegerFieldEvent {
    field: '$.request.parameters[].integer'
    value: string
    index: number
  }

  export interface FrameRequestParametersTextFieldEvent {
    field: '$.request.parameters[].text'
    value: string
    index: number
  }

  export interface FrameRequestParametersBlobFieldEvent {
    field: '$.request.parameters[].blob'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface FrameRequestParametersDateMsFieldEvent {
    field: '$.request.parameters[].dateMs'
    value: number
    index: number
  }

  export interface FrameRequestParametersCompoundFieldEvent {
    field: '$.request.parameters[].compound'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface FrameRequestAccessFieldEvent {
    field: '$.request.access'
    value: number
  }

  export interface FrameRequestPriorityFieldEvent {
    field: '$.request.priority'
    value: number
  }

  export interface FrameRequestTimeoutMsFieldEvent {
    field: '$.request.timeoutMs'
    value: number
  }

  export interface FrameRequestVisitedFieldEvent {
    field: '$.request.visited[]'
    index: number
    value: string
  }

  export interface FrameRequestExplainFieldEvent {
    field: '$.request.explain'
    value: boolean
  }

  export interface FrameRequestCreditFieldEvent {
    field: '$.request.credit'
    value: number
  }

  export interface FrameRequestLastResortFieldEvent {
    field: '$.request.lastResort'
    value: boolean
  }

  export interface FrameRequestFinalPeerIdFieldEvent {
    field: '$.request.finalPeerId'
    value: string
  }

  export interface FrameRequestHintsFieldEvent {
    field: '$.request.hints'
    value: string
  }

  export interface FrameRequestTransactionFieldEvent {
    field: '$.request.transaction'
    value: Uint8Array<ArrayBuffer>
  }

  export interface FrameRequestTransactionStepFieldEvent {
    field: '$.request.transactionStep'
    value: number
  }

  export interface FrameRequestCompressionsFieldEvent {
    field: '$.request.compressions'
    value: number
  }

  export interface FrameRequestTraceparentFieldEvent {
    field: '$.request.traceparent'
    value: string
  }

  export interface FrameResponseIdFieldEvent {
    field: '$.response.id'
    value: number
  }

  export interface FrameResponseFormatFieldEvent {
    field: '$.response.format'
    value: number
  }

  export interface FrameResponseHeaderFieldEvent {
    field: '$.response.header'
    value: Uint8Array<ArrayBuffer>
  }

  export interface FrameResponseRouteDecisionFieldEvent {
    field: '$.response.route.decision'
    value: number
  }

  export interface FrameResponseRouteExecutedByPeerIdFieldEvent {
    field: '$.response.route.executedByPeerId'
    value: string
  }

  export interface FrameResponseRouteExecutedByNameFieldEvent {
    field: '$.response.route.executedByName'
    value: string
  }

  export interface FrameResponseRouteLatencyMsFieldEvent {
    field: '$.response.route.latencyMs'
    value: number
  }

  export interface FrameResponseRouteReasonFieldEvent {
    field: '$.response.route.reason'
    value: string
  }

  export interface FrameResponseRouteStrategyFieldEvent {
    field: '$.response.route.strategy'
    value: string
  }

  export interface FrameResponseRouteFailedAttemptsPeerIdFieldEvent {
    field: '$.response.route.failedAttempts[].peerId'
    value: string
    index: number
  }

  export interface FrameResponseRouteFailedAttemptsNameFieldEvent {
    field: '$.response.route.failedAttempts[].name'
    value: string
    index: number
  }

  export interface FrameResponseRouteFailedAttemptsCodeFieldEvent {
    field: '$.response.route.failedAttempts[].code'
    value: string
    index: number
  }

  export interface FrameResponseRouteFailedAttemptsMessageFieldEvent {
    field: '$.response.route.failedAttempts[].message'
    value: string
    index: number
  }

  export interface FrameResponseRouteCandidatesPeerIdFieldEvent {
    field: '$.response.route.candidates[].peerId'
    value: string
    index: number
  }

  export interface FrameResponseRouteCandidatesNameFieldEvent {
    field: '$.response.route.candidates[].name'
    value: string
    index: number
  }

  export interface FrameResponseRouteCandidatesLatencyMsFieldEvent {
    field: '$.response.route.candidates[].latencyMs'
    value: number
    index: number
  }

  export interface FrameResponseRouteCandidatesCpuPercentFieldEvent {
    field: '$.response.route.candidates[].cpuPercent'
    value: number
    index: number
  }

  export interface FrameResponseRouteCandidatesMemoryPercentFieldEvent {
    field: '$.response.route.candidates[].memoryPercent'
    value: number
    index: number
  }

  export interface FrameResponseRouteCandidatesInFlightFieldEvent {
    field: '$.response.route.candidates[].inFlight'
    value: number
    index: number
  }

  export interface FrameResponseRouteCandidatesScoreFieldEvent {
    field: '$.response.route.candidates[].score'
    value: number
    index: number
  }

  export interface FrameResponseRouteCandidatesVerdictFieldEvent {
    field: '$.response.route.candidates[].verdict'
    value: number
    index: number
  }

  export interface FrameResponseRouteDecisionUsFieldEvent {
    field: '$.response.route.decisionUs'
    value: number
  }

  export interface FrameResponsePartsRowsFieldEvent {
    field: '$.response.parts[].rows'
    value: number
    index: number
  }

  export interface FrameResponsePartsDataFieldEvent {
    field: '$.response.parts[].data'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface FrameResponsePartsRawBytesFieldEvent {
    field: '$.response.parts[].rawBytes'
    value: number
    index: number
  }

  export interface FrameResponseEndIdFieldEvent {
    field: '$.response.end.id'
    value: number
  }

  export interface FrameResponseEndRowsFieldEvent {
    field: '$.response.end.rows'
    value: number
  }

  export interface FrameResponseEndEngineMsFieldEvent {
    field: '$.response.end.engineMs'
    value: number
  }

  export interface FrameResponseEndLoadCpuPercentFieldEvent {
    field: '$.response.end.load.cpuPercent'
    value: number
  }

  export interface FrameResponseEndLoadMemoryPercentFieldEvent {
    field: '$.response.end.load.memoryPercent'
    value: number
  }

  export interface FrameResponseEndLoadInFlightFieldEvent {
    field: '$.response.end.load.inFlight'
    value: number
  }

  export interface FrameResponseEndLoadOverloadedFieldEvent {
    field: '$.response.end.load.overloaded'
    value: boolean
  }

  export interface FrameResponseEndLoadDrillFieldEvent {
    field: '$.response.end.load.drill'
    value: boolean
  }

  export interface FrameResponseEndLoadSequenceFieldEvent {
    field: '$.response.end.load.sequence'
    value: number
  }

  export interface FrameResponseEndLoadServiceCodeFieldEvent {
    field: '$.response.end.load.serviceCode'
    value: number
  }

  export interface FrameResponseEndInFlightFieldEvent {
    field: '$.response.end.inFlight'
    value: number
  }

  export interface FrameResponseCompressionFieldEvent {
    field: '$.response.compression'
    value: number
  }

  export interface FrameBatchIdFieldEvent {
    field: '$.batch.id'
    value: number
  }

  export interface FrameBatchRowsFieldEvent {
    field: '$.batch.rows'
    value: number
  }

  export interface FrameBatchDataFieldEvent {
    field: '$.batch.data'
    value: Uint8Array<ArrayBuffer>
  }

  export interface FrameBatchMoreFieldEvent {
    field: '$.batch.more'
    value: boolean
  }

  export interface FrameBatchRawBytesFieldEvent {
    field: '$.batch.rawBytes'
    value: number
  }

  export interface FrameEndIdFieldEvent {
    field: '$.end.id'
    value: number
  }

  export interface FrameEndRowsFieldEvent {
    field: '$.end.rows'
    value: number
  }

  export interface FrameEndEngineMsFieldEvent {
    field: '$.end.engineMs'
    value: number
  }

  export interface FrameEndLoadCpuPercentFieldEvent {
    field: '$.end.load.cpuPercent'
    value: number
  }

  export interface FrameEndLoadMemoryPercentFieldEvent {
    field: '$.end.load.memoryPercent'
    value: number
  }

  export interface FrameEndLoadInFlightFieldEvent {
    field: '$.end.load.inFlight'
    value: number
  }

  export interface FrameEndLoadOverloadedFieldEvent {
    field: '$.end.load.overloaded'
    value: boolean
  }

  export interface FrameEndLoadDrillFieldEvent {
    field: '$.end.load.drill'
    value: boolean
  }

  export interface FrameEndLoadSequenceFieldEvent {
    field: '$.end.load.sequence'
    value: number
  }

  export interface FrameEndLoadServiceCodeFieldEvent {
    field: '$.end.load.serviceCode'
    value: number
  }

  export interface FrameEndInFlightFieldEvent {
    field: '$.end.inFlight'
    value: number
  }

  export interface FrameFailureIdFieldEvent {
    field: '$.failure.id'
    value: number
  }

  export interface FrameFailureCodeFieldEvent {
    field: '$.failure.code'
    value: string
  }

  export interface FrameFailureMessageFieldEvent {
    field: '$.failure.message'
    value: string
  }

  export interface FrameFailureNextStepFieldEvent {
    field: '$.failure.nextStep'
    value: string
  }

  export interface FrameFailureDetailsFieldEvent {
    field: '$.failure.details'
    value: string
  }

  export interface FrameFailureStartedFieldEvent {
    field: '$.failure.started'
    value: boolean
  }

  export interface FrameCreditIdFieldEvent {
    field: '$.credit.id'
    value: number
  }

  export interface FrameCreditBytesFieldEvent {
    field: '$.credit.bytes'
    value: number
  }

  export interface FrameCancelIdFieldEvent {
    field: '$.cancel.id'
    value: number
  }

  export interface FrameAttachWireVersionFieldEvent {
    field: '$.attach.wireVersion'
    value: number
  }

  export interface FrameAttachTokenFieldEvent {
    field: '$.attach.token'
    value: Uint8Array<ArrayBuffer>
  }

  export interface FrameAttachIdFieldEvent {
    field: '$.attach.id'
    value: number
  }

  export interface FrameAttachCreditFieldEvent {
    field: '$.attach.credit'
    value: number
  }

  export interface FrameHelloWireVersionFieldEvent {
    field: '$.hello.wireVersion'
    value: number
  }

  export interface FrameHelloTokenFieldEvent {
    field: '$.hello.token'
    value: Uint8Array<ArrayBuffer>
  }

  export interface FrameHelloInFlightMaxFieldEvent {
    field: '$.hello.inFlightMax'
    value: number
  }

  export function encode (obj: Partial<Frame>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Frame.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Frame>): Frame {
    return decodeMessage(buf, Frame.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Frame>): Generator<FrameRequestIdFieldEvent | FrameRequestDatabaseFieldEvent | FrameRequestSqlFieldEvent | FrameRequestParametersIsNullFieldEvent | FrameRequestParametersBooleanFieldEvent | FrameRequestParametersNumberFieldEvent | FrameRequestParametersIntegerFieldEvent | FrameRequestParametersTextFieldEvent | FrameRequestParametersBlobFieldEvent | FrameRequestParametersDateMsFieldEvent | FrameRequestParametersCompoundFieldEvent | FrameRequestAccessFieldEvent | FrameRequestPriorityFieldEvent | FrameRequestTimeoutMsFieldEvent | FrameRequestVisitedFieldEvent | FrameRequestExplainFieldEvent | FrameRequestCreditFieldEvent | FrameRequestLastResortFieldEvent | FrameRequestFinalPeerIdFieldEvent | FrameRequestHintsFieldEvent | FrameRequestTransactionFieldEvent | FrameRequestTransactionStepFieldEvent | FrameRequestCompressionsFieldEvent | FrameRequestTraceparentFieldEvent | FrameResponseIdFieldEvent | FrameResponseFormatFieldEvent | FrameResponseHeaderFieldEvent | FrameResponseRouteDecisionFieldEvent | FrameResponseRouteExecutedByPeerIdFieldEvent | FrameResponseRouteExecutedByNameFieldEvent | FrameResponseRouteLatencyMsFieldEvent | FrameResponseRouteReasonFieldEvent | FrameResponseRouteStrategyFieldEvent | FrameResponseRouteFailedAttemptsPeerIdFieldEvent | FrameResponseRouteFailedAttemptsNameFieldEvent | FrameResponseRouteFailedAttemptsCodeFieldEvent | FrameResponseRouteFailedAttemptsMessageFieldEvent | FrameResponseRouteCandidatesPeerIdFieldEvent | FrameResponseRouteCandidatesNameFieldEvent | FrameResponseRouteCandidatesLatencyMsFieldEvent | FrameResponseRouteCandidatesCpuPercentFieldEvent | FrameResponseRouteCandidatesMemoryPercentFieldEvent | FrameResponseRouteCandidatesInFlightFieldEvent | FrameResponseRouteCandidatesScoreFieldEvent | FrameResponseRouteCandidatesVerdictFieldEvent | FrameResponseRouteDecisionUsFieldEvent | FrameResponsePartsRowsFieldEvent | FrameResponsePartsDataFieldEvent | FrameResponsePartsRawBytesFieldEvent | FrameResponseEndIdFieldEvent | FrameResponseEndRowsFieldEvent | FrameResponseEndEngineMsFieldEvent | FrameResponseEndLoadCpuPercentFieldEvent | FrameResponseEndLoadMemoryPercentFieldEvent | FrameResponseEndLoadInFlightFieldEvent | FrameResponseEndLoadOverloadedFieldEvent | FrameResponseEndLoadDrillFieldEvent | FrameResponseEndLoadSequenceFieldEvent | FrameResponseEndLoadServiceCodeFieldEvent | FrameResponseEndInFlightFieldEvent | FrameResponseCompressionFieldEvent | FrameBatchIdFieldEvent | FrameBatchRowsFieldEvent | FrameBatchDataFieldEvent | FrameBatchMoreFieldEvent | FrameBatchRawBytesFieldEvent | FrameEndIdFieldEvent | FrameEndRowsFieldEvent | FrameEndEngineMsFieldEvent | FrameEndLoadCpuPercentFieldEvent | FrameEndLoadMemoryPercentFieldEvent | FrameEndLoadInFlightFieldEvent | FrameEndLoadOverloadedFieldEvent | FrameEndLoadDrillFieldEvent | FrameEndLoadSequenceFieldEvent | FrameEndLoadServiceCodeFieldEvent | FrameEndInFlightFieldEvent | FrameFailureIdFieldEvent | FrameFailureCodeFieldEvent | FrameFailureMessageFieldEvent | FrameFailureNextStepFieldEvent | FrameFailureDetailsFieldEvent | FrameFailureStartedFieldEvent | FrameCreditIdFieldEvent | FrameCreditBytesFieldEvent | FrameCancelIdFieldEvent | FrameAttachWireVersionFieldEvent | FrameAttachTokenFieldEvent | FrameAttachIdFieldEvent | FrameAttachCreditFieldEvent | FrameHelloWireVersionFieldEvent | FrameHelloTokenFieldEvent | FrameHelloInFlightMaxFieldEvent> {
    return streamMessage(buf, Frame.codec(), opts)
  }
}

export interface Hello {
  wireVersion: number
  token: Uint8Array<ArrayBuffer>
  inFlightMax: number
}

export namespace Hello {
  let _codec: Codec<Hello>

  export const codec = (): Codec<Hello> => {
    if (_codec == null) {
      _codec = message<Hello>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.wireVersion != null && obj.wireVersion !== 0)) {
          w.uint32(8)
          w.uint32(obj.wireVersion)
        }

        if ((obj.token != null && obj.token.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.token)
        }

        if ((obj.inFlightMax != null && obj.inFlightMax !== 0)) {
          w.uint32(24)
          w.uint32(obj.inFlightMax)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          wireVersion: 0,
          token: new Uint8Array(0),
          inFlightMax: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.wireVersion = reader.uint32()
              break
            }
            case 2: {
              obj.token = reader.bytes()
              break
            }
            case 3: {
              obj.inFlightMax = reader.uint32()
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
                field: `${prefix}.wireVersion`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.token`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.inFlightMax`,
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

  export interface HelloWireVersionFieldEvent {
    field: '$.wireVersion'
    value: number
  }

  export interface HelloTokenFieldEvent {
    field: '$.token'
    value: Uint8Array<ArrayBuffer>
  }

  export interface HelloInFlightMaxFieldEvent {
    field: '$.inFlightMax'
    value: number
  }

  export function encode (obj: Partial<Hello>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Hello.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Hello {
    return decodeMessage(buf, Hello.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Generator<HelloWireVersionFieldEvent | HelloTokenFieldEvent | HelloInFlightMaxFieldEvent> {
    return streamMessage(buf, Hello.codec(), opts)
  }
}

export interface Value {
  isNull?: boolean
  boolean?: boolean
  number?: number
  integer?: string
  text?: string
  blob?: Uint8Array<ArrayBuffer>
  dateMs?: number
  compound?: Uint8Array<ArrayBuffer>
}

export namespace Value {
  let _codec: Codec<Value>

  export const codec = (): Codec<Value> => {
    if (_codec == null) {
      _codec = message<Value>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.isNull != null) {
          w.uint32(8)
          w.bool(obj.isNull)
        }

        if (obj.boolean != null) {
          w.uint32(16)
          w.bool(obj.boolean)
        }

        if (obj.number != null) {
          w.uint32(25)
          w.double(obj.number)
        }

        if (obj.integer != null) {
          w.uint32(34)
          w.string(obj.integer)
        }

        if (obj.text != null) {
          w.uint32(42)
          w.string(obj.text)
        }

        if (obj.blob != null) {
          w.uint32(50)
          w.bytes(obj.blob)
        }

        if (obj.dateMs != null) {
          w.uint32(57)
          w.double(obj.dateMs)
        }

        if (obj.compound != null) {
          w.uint32(66)
          w.bytes(obj.compound)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.isNull = reader.bool()
              break
            }
            case 2: {
              obj.boolean = reader.bool()
              break
            }
            case 3: {
              obj.number = reader.double()
              break
            }
            case 4: {
              obj.integer = reader.string()
              break
            }
            case 5: {
              obj.text = reader.string()
              break
            }
            case 6: {
              obj.blob = reader.bytes()
              break
            }
            case 7: {
              obj.dateMs = reader.double()
              break
            }
            case 8: {
              obj.compound = reader.bytes()
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
                field: `${prefix}.isNull`,
                value: reader.bool()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.boolean`,
                value: reader.bool()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.number`,
                value: reader.double()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.integer`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.text`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.blob`,
                value: reader.bytes()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.dateMs`,
                value: reader.double()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.compound`,
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

  export interface ValueIsNullFieldEvent {
    field: '$.isNull'
    value: boolean
  }

  export interface ValueBooleanFieldEvent {
    field: '$.boolean'
    value: boolean
  }

  export interface ValueNumberFieldEvent {
    field: '$.number'
    value: number
  }

  export interface ValueIntegerFieldEvent {
    field: '$.integer'
    value: string
  }

  export interface ValueTextFieldEvent {
    field: '$.text'
    value: string
  }

  export interface ValueBlobFieldEvent {
    field: '$.blob'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ValueDateMsFieldEvent {
    field: '$.dateMs'
    value: number
  }

  export interface ValueCompoundFieldEvent {
    field: '$.compound'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Value>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Value.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Value>): Value {
    return decodeMessage(buf, Value.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Value>): Generator<ValueIsNullFieldEvent | ValueBooleanFieldEvent | ValueNumberFieldEvent | ValueIntegerFieldEvent | ValueTextFieldEvent | ValueBlobFieldEvent | ValueDateMsFieldEvent | ValueCompoundFieldEvent> {
    return streamMessage(buf, Value.codec(), opts)
  }
}

export interface Request {
  id: number
  database: string
  sql: string
  parameters: Value[]
  access: number
  priority: number
  timeoutMs: number
  visited: string[]
  explain: boolean
  credit: number
  lastResort: boolean
  finalPeerId: string
  hints: string
  transaction: Uint8Array<ArrayBuffer>
  transactionStep: number
  compressions?: number
  traceparent?: string
}

export namespace Request {
  let _codec: Codec<Request>

  export const codec = (): Codec<Request> => {
    if (_codec == null) {
      _codec = message<Request>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.database != null && obj.database !== '')) {
          w.uint32(18)
          w.string(obj.database)
        }

        if ((obj.sql != null && obj.sql !== '')) {
          w.uint32(26)
          w.string(obj.sql)
        }

        if (obj.parameters != null && obj.parameters.length > 0) {
          for (const value of obj.parameters) {
            w.uint32(34)
            Value.codec().encode(value, w)
          }
        }

        if ((obj.access != null && obj.access !== 0)) {
          w.uint32(40)
          w.uint32(obj.access)
        }

        if ((obj.priority != null && obj.priority !== 0)) {
          w.uint32(48)
          w.uint32(obj.priority)
        }

        if ((obj.timeoutMs != null && obj.timeoutMs !== 0)) {
          w.uint32(57)
          w.double(obj.timeoutMs)
        }

        if (obj.visited != null && obj.visited.length > 0) {
          for (const value of obj.visited) {
            w.uint32(66)
            w.string(value)
          }
        }

        if ((obj.explain != null && obj.explain !== false)) {
          w.uint32(72)
          w.bool(obj.explain)
        }

        if ((obj.credit != null && obj.credit !== 0)) {
          w.uint32(80)
          w.uint32(obj.credit)
        }

        if ((obj.lastResort != null && obj.lastResort !== false)) {
          w.uint32(88)
          w.bool(obj.lastResort)
        }

        if ((obj.finalPeerId != null && obj.finalPeerId !== '')) {
          w.uint32(98)
          w.string(obj.finalPeerId)
        }

        if ((obj.hints != null && obj.hints !== '')) {
          w.uint32(106)
          w.string(obj.hints)
        }

        if ((obj.transaction != null && obj.transaction.byteLength > 0)) {
          w.uint32(114)
          w.bytes(obj.transaction)
        }

        if ((obj.transactionStep != null && obj.transactionStep !== 0)) {
          w.uint32(120)
          w.uint32(obj.transactionStep)
        }

        if (obj.compressions != null) {
          w.uint32(128)
          w.uint32(obj.compressions)
        }

        if (obj.traceparent != null) {
          w.uint32(138)
          w.string(obj.traceparent)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          database: '',
          sql: '',
          parameters: [],
          access: 0,
          priority: 0,
          timeoutMs: 0,
          visited: [],
          explain: false,
          credit: 0,
          lastResort: false,
          finalPeerId: '',
          hints: '',
          transaction: new Uint8Array(0),
          transactionStep: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.database = reader.string()
              break
            }
            case 3: {
              obj.sql = reader.string()
              break
            }
            case 4: {
              if (opts.limits?.parameters != null && obj.parameters.length === opts.limits.parameters) {
                throw new MaxLengthError('Decode error - repeated field "parameters" had too many elements')
              }

              obj.parameters.push(Value.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.parameters$
              } as object))
              break
            }
            case 5: {
              obj.access = reader.uint32()
              break
            }
            case 6: {
              obj.priority = reader.uint32()
              break
            }
            case 7: {
              obj.timeoutMs = reader.double()
              break
            }
            case 8: {
              if (opts.limits?.visited != null && obj.visited.length === opts.limits.visited) {
                throw new MaxLengthError('Decode error - repeated field "visited" had too many elements')
              }

              obj.visited.push(reader.string())
              break
            }
            case 9: {
              obj.explain = reader.bool()
              break
            }
            case 10: {
              obj.credit = reader.uint32()
              break
            }
            case 11: {
              obj.lastResort = reader.bool()
              break
            }
            case 12: {
              obj.finalPeerId = reader.string()
              break
            }
            case 13: {
              obj.hints = reader.string()
              break
            }
            case 14: {
              obj.transaction = reader.bytes()
              break
            }
            case 15: {
              obj.transactionStep = reader.uint32()
              break
            }
            case 16: {
              obj.compressions = reader.uint32()
              break
            }
            case 17: {
              obj.traceparent = reader.string()
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
          parameters: 0,
          visited: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.database`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.sql`,
                value: reader.string()
              }
              break
            }
            case 4: {
              if (opts.limits?.parameters != null && obj.parameters === opts.limits.parameters) {
                throw new MaxLengthError('Streaming decode error - repeated field "parameters" had too many elements')
              }

              for (const evt of Value.codec().stream(reader, reader.uint32(), `${prefix}.parameters[]`, {
                limits: opts.limits?.parameters$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.parameters
                }
              }

              obj.parameters++

              break
            }
            case 5: {
              yield {
                field: `${prefix}.access`,
                value: reader.uint32()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.priority`,
                value: reader.uint32()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.timeoutMs`,
                value: reader.double()
              }
              break
            }
            case 8: {
              if (opts.limits?.visited != null && obj.visited === opts.limits.visited) {
                throw new MaxLengthError('Streaming decode error - repeated field "visited" had too many elements')
              }

              yield {
                field: `${prefix}.visited[]`,
                index: obj.visited,
                value: reader.string()
              }

              obj.visited++

              break
            }
            case 9: {
              yield {
                field: `${prefix}.explain`,
                value: reader.bool()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.credit`,
                value: reader.uint32()
              }
              break
            }
            case 11: {
              yield {
                field: `${prefix}.lastResort`,
                value: reader.bool()
              }
              break
            }
            case 12: {
              yield {
                field: `${prefix}.finalPeerId`,
                value: reader.string()
              }
              break
            }
            case 13: {
              yield {
                field: `${prefix}.hints`,
                value: reader.string()
              }
              break
            }
            case 14: {
              yield {
                field: `${prefix}.transaction`,
                value: reader.bytes()
              }
              break
            }
            case 15: {
              yield {
                field: `${prefix}.transactionStep`,
                value: reader.uint32()
              }
              break
            }
            case 16: {
              yield {
                field: `${prefix}.compressions`,
                value: reader.uint32()
              }
              break
            }
            case 17: {
              yield {
                field: `${prefix}.traceparent`,
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

  export interface RequestIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface RequestDatabaseFieldEvent {
    field: '$.database'
    value: string
  }

  export interface RequestSqlFieldEvent {
    field: '$.sql'
    value: string
  }

  export interface RequestParametersIsNullFieldEvent {
    field: '$.parameters[].isNull'
    value: boolean
    index: number
  }

  export interface RequestParametersBooleanFieldEvent {
    field: '$.parameters[].boolean'
    value: boolean
    index: number
  }

  export interface RequestParametersNumberFieldEvent {
    field: '$.parameters[].number'
    value: number
    index: number
  }

  export interface RequestParametersIntegerFieldEvent {
    field: '$.parameters[].integer'
    value: string
    index: number
  }

  export interface RequestParametersTextFieldEvent {
    field: '$.parameters[].text'
    value: string
    index: number
  }

  export interface RequestParametersBlobFieldEvent {
    field: '$.parameters[].blob'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RequestParametersDateMsFieldEvent {
    field: '$.parameters[].dateMs'
    value: number
    index: number
  }

  export interface RequestParametersCompoundFieldEvent {
    field: '$.parameters[].compound'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RequestAccessFieldEvent {
    field: '$.access'
    value: number
  }

  export interface RequestPriorityFieldEvent {
    field: '$.priority'
    value: number
  }

  export interface RequestTimeoutMsFieldEvent {
    field: '$.timeoutMs'
    value: number
  }

  export interface RequestVisitedFieldEvent {
    field: '$.visited[]'
    index: number
    value: string
  }

  export interface RequestExplainFieldEvent {
    field: '$.explain'
    value: boolean
  }

  export interface RequestCreditFieldEvent {
    field: '$.credit'
    value: number
  }

  export interface RequestLastResortFieldEvent {
    field: '$.lastResort'
    value: boolean
  }

  export interface RequestFinalPeerIdFieldEvent {
    field: '$.finalPeerId'
    value: string
  }

  export interface RequestHintsFieldEvent {
    field: '$.hints'
    value: string
  }

  export interface RequestTransactionFieldEvent {
    field: '$.transaction'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RequestTransactionStepFieldEvent {
    field: '$.transactionStep'
    value: number
  }

  export interface RequestCompressionsFieldEvent {
    field: '$.compressions'
    value: number
  }

  export interface RequestTraceparentFieldEvent {
    field: '$.traceparent'
    value: string
  }

  export function encode (obj: Partial<Request>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Request.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Request>): Request {
    return decodeMessage(buf, Request.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Request>): Generator<RequestIdFieldEvent | RequestDatabaseFieldEvent | RequestSqlFieldEvent | RequestParametersIsNullFieldEvent | RequestParametersBooleanFieldEvent | RequestParametersNumberFieldEvent | RequestParametersIntegerFieldEvent | RequestParametersTextFieldEvent | RequestParametersBlobFieldEvent | RequestParametersDateMsFieldEvent | RequestParametersCompoundFieldEvent | RequestAccessFieldEvent | RequestPriorityFieldEvent | RequestTimeoutMsFieldEvent | RequestVisitedFieldEvent | RequestExplainFieldEvent | RequestCreditFieldEvent | RequestLastResortFieldEvent | RequestFinalPeerIdFieldEvent | RequestHintsFieldEvent | RequestTransactionFieldEvent | RequestTransactionStepFieldEvent | RequestCompressionsFieldEvent | RequestTraceparentFieldEvent> {
    return streamMessage(buf, Request.codec(), opts)
  }
}

export interface FailedAttempt {
  peerId: string
  name: string
  code: string
  message: string
}

export namespace FailedAttempt {
  let _codec: Codec<FailedAttempt>

  export const codec = (): Codec<FailedAttempt> => {
    if (_codec == null) {
      _codec = message<FailedAttempt>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.peerId != null && obj.peerId !== '')) {
          w.uint32(10)
          w.string(obj.peerId)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(18)
          w.string(obj.name)
        }

        if ((obj.code != null && obj.code !== '')) {
          w.uint32(26)
          w.string(obj.code)
        }

        if ((obj.message != null && obj.message !== '')) {
          w.uint32(34)
          w.string(obj.message)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          peerId: '',
          name: '',
          code: '',
          message: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.peerId = reader.string()
              break
            }
            case 2: {
              obj.name = reader.string()
              break
            }
            case 3: {
              obj.code = reader.string()
              break
            }
            case 4: {
              obj.message = reader.string()
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
                field: `${prefix}.peerId`,
                value: reader.string()
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
                field: `${prefix}.code`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.message`,
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

  export interface FailedAttemptPeerIdFieldEvent {
    field: '$.peerId'
    value: string
  }

  export interface FailedAttemptNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface FailedAttemptCodeFieldEvent {
    field: '$.code'
    value: string
  }

  export interface FailedAttemptMessageFieldEvent {
    field: '$.message'
    value: string
  }

  export function encode (obj: Partial<FailedAttempt>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, FailedAttempt.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FailedAttempt>): FailedAttempt {
    return decodeMessage(buf, FailedAttempt.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FailedAttempt>): Generator<FailedAttemptPeerIdFieldEvent | FailedAttemptNameFieldEvent | FailedAttemptCodeFieldEvent | FailedAttemptMessageFieldEvent> {
    return streamMessage(buf, FailedAttempt.codec(), opts)
  }
}

export interface Candidate {
  peerId: string
  name: string
  latencyMs?: number
  cpuPercent?: number
  memoryPercent?: number
  inFlight: number
  score?: number
  verdict: number
}

export namespace Candidate {
  let _codec: Codec<Candidate>

  export const codec = (): Codec<Candidate> => {
    if (_codec == null) {
      _codec = message<Candidate>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.peerId != null && obj.peerId !== '')) {
          w.uint32(10)
          w.string(obj.peerId)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(18)
          w.string(obj.name)
        }

        if (obj.latencyMs != null) {
          w.uint32(25)
          w.double(obj.latencyMs)
        }

        if (obj.cpuPercent != null) {
          w.uint32(33)
          w.double(obj.cpuPercent)
        }

        if (obj.memoryPercent != null) {
          w.uint32(41)
          w.double(obj.memoryPercent)
        }

        if ((obj.inFlight != null && obj.inFlight !== 0)) {
          w.uint32(48)
          w.uint32(obj.inFlight)
        }

        if (obj.score != null) {
          w.uint32(57)
          w.double(obj.score)
        }

        if ((obj.verdict != null && obj.verdict !== 0)) {
          w.uint32(64)
          w.uint32(obj.verdict)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          peerId: '',
          name: '',
          inFlight: 0,
          verdict: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.peerId = reader.string()
              break
            }
            case 2: {
              obj.name = reader.string()
              break
            }
            case 3: {
              obj.latencyMs = reader.double()
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
              obj.inFlight = reader.uint32()
              break
            }
            case 7: {
              obj.score = reader.double()
              break
            }
            case 8: {
              obj.verdict = reader.uint32()
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
                field: `${prefix}.peerId`,
                value: reader.string()
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
                field: `${prefix}.latencyMs`,
                value: reader.double()
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
                field: `${prefix}.inFlight`,
                value: reader.uint32()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.score`,
                value: reader.double()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.verdict`,
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

  export interface CandidatePeerIdFieldEvent {
    field: '$.peerId'
    value: string
  }

  export interface CandidateNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface CandidateLatencyMsFieldEvent {
    field: '$.latencyMs'
    value: number
  }

  export interface CandidateCpuPercentFieldEvent {
    field: '$.cpuPercent'
    value: number
  }

  export interface CandidateMemoryPercentFieldEvent {
    field: '$.memoryPercent'
    value: number
  }

  export interface CandidateInFlightFieldEvent {
    field: '$.inFlight'
    value: number
  }

  export interface CandidateScoreFieldEvent {
    field: '$.score'
    value: number
  }

  export interface CandidateVerdictFieldEvent {
    field: '$.verdict'
    value: number
  }

  export function encode (obj: Partial<Candidate>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Candidate.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Candidate>): Candidate {
    return decodeMessage(buf, Candidate.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Candidate>): Generator<CandidatePeerIdFieldEvent | CandidateNameFieldEvent | CandidateLatencyMsFieldEvent | CandidateCpuPercentFieldEvent | CandidateMemoryPercentFieldEvent | CandidateInFlightFieldEvent | CandidateScoreFieldEvent | CandidateVerdictFieldEvent> {
    return streamMessage(buf, Candidate.codec(), opts)
  }
}

export interface Route {
  decision: number
  executedByPeerId: string
  executedByName: string
  latencyMs?: number
  reason: string
  strategy: string
  failedAttempts: FailedAttempt[]
  candidates: Candidate[]
  decisionUs: number
}

export namespace Route {
  let _codec: Codec<Route>

  export const codec = (): Codec<Route> => {
    if (_codec == null) {
      _codec = message<Route>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.decision != null && obj.decision !== 0)) {
          w.uint32(8)
          w.uint32(obj.decision)
        }

        if ((obj.executedByPeerId != null && obj.executedByPeerId !== '')) {
          w.uint32(18)
          w.string(obj.executedByPeerId)
        }

        if ((obj.executedByName != null && obj.executedByName !== '')) {
          w.uint32(26)
          w.string(obj.executedByName)
        }

        if (obj.latencyMs != null) {
          w.uint32(33)
          w.double(obj.latencyMs)
        }

        if ((obj.reason != null && obj.reason !== '')) {
          w.uint32(42)
          w.string(obj.reason)
        }

        if ((obj.strategy != null && obj.strategy !== '')) {
          w.uint32(50)
          w.string(obj.strategy)
        }

        if (obj.failedAttempts != null && obj.failedAttempts.length > 0) {
          for (const value of obj.failedAttempts) {
            w.uint32(58)
            FailedAttempt.codec().encode(value, w)
          }
        }

        if (obj.candidates != null && obj.candidates.length > 0) {
          for (const value of obj.candidates) {
            w.uint32(66)
            Candidate.codec().encode(value, w)
          }
        }

        if ((obj.decisionUs != null && obj.decisionUs !== 0)) {
          w.uint32(73)
          w.double(obj.decisionUs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          decision: 0,
          executedByPeerId: '',
          executedByName: '',
          reason: '',
          strategy: '',
          failedAttempts: [],
          candidates: [],
          decisionUs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.decision = reader.uint32()
              break
            }
            case 2: {
              obj.executedByPeerId = reader.string()
              break
            }
            case 3: {
              obj.executedByName = reader.string()
              break
            }
            case 4: {
              obj.latencyMs = reader.double()
              break
            }
            case 5: {
              obj.reason = reader.string()
              break
            }
            case 6: {
              obj.strategy = reader.string()
              break
            }
            case 7: {
              if (opts.limits?.failedAttempts != null && obj.failedAttempts.length === opts.limits.failedAttempts) {
                throw new MaxLengthError('Decode error - repeated field "failedAttempts" had too many elements')
              }

              obj.failedAttempts.push(FailedAttempt.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.failedAttempts$
              } as object))
              break
            }
            case 8: {
              if (opts.limits?.candidates != null && obj.candidates.length === opts.limits.candidates) {
                throw new MaxLengthError('Decode error - repeated field "candidates" had too many elements')
              }

              obj.candidates.push(Candidate.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.candidates$
              } as object))
              break
            }
            case 9: {
              obj.decisionUs = reader.double()
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
          failedAttempts: 0,
          candidates: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.decision`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.executedByPeerId`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.executedByName`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.latencyMs`,
                value: reader.double()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.reason`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.strategy`,
                value: reader.string()
              }
              break
            }
            case 7: {
              if (opts.limits?.failedAttempts != null && obj.failedAttempts === opts.limits.failedAttempts) {
                throw new MaxLengthError('Streaming decode error - repeated field "failedAttempts" had too many elements')
              }

              for (const evt of FailedAttempt.codec().stream(reader, reader.uint32(), `${prefix}.failedAttempts[]`, {
                limits: opts.limits?.failedAttempts$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.failedAttempts
                }
              }

              obj.failedAttempts++

              break
            }
            case 8: {
              if (opts.limits?.candidates != null && obj.candidates === opts.limits.candidates) {
                throw new MaxLengthError('Streaming decode error - repeated field "candidates" had too many elements')
              }

              for (const evt of Candidate.codec().stream(reader, reader.uint32(), `${prefix}.candidates[]`, {
                limits: opts.limits?.candidates$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.candidates
                }
              }

              obj.candidates++

              break
            }
            case 9: {
              yield {
                field: `${prefix}.decisionUs`,
                value: reader.double()
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

  export interface RouteDecisionFieldEvent {
    field: '$.decision'
    value: number
  }

  export interface RouteExecutedByPeerIdFieldEvent {
    field: '$.executedByPeerId'
    value: string
  }

  export interface RouteExecutedByNameFieldEvent {
    field: '$.executedByName'
    value: string
  }

  export interface RouteLatencyMsFieldEvent {
    field: '$.latencyMs'
    value: number
  }

  export interface RouteReasonFieldEvent {
    field: '$.reason'
    value: string
  }

  export interface RouteStrategyFieldEvent {
    field: '$.strategy'
    value: string
  }

  export interface RouteFailedAttemptsPeerIdFieldEvent {
    field: '$.failedAttempts[].peerId'
    value: string
    index: number
  }

  export interface RouteFailedAttemptsNameFieldEvent {
    field: '$.failedAttempts[].name'
    value: string
    index: number
  }

  export interface RouteFailedAttemptsCodeFieldEvent {
    field: '$.failedAttempts[].code'
    value: string
    index: number
  }

  export interface RouteFailedAttemptsMessageFieldEvent {
    field: '$.failedAttempts[].message'
    value: string
    index: number
  }

  export interface RouteCandidatesPeerIdFieldEvent {
    field: '$.candidates[].peerId'
    value: string
    index: number
  }

  export interface RouteCandidatesNameFieldEvent {
    field: '$.candidates[].name'
    value: string
    index: number
  }

  export interface RouteCandidatesLatencyMsFieldEvent {
    field: '$.candidates[].latencyMs'
    value: number
    index: number
  }

  export interface RouteCandidatesCpuPercentFieldEvent {
    field: '$.candidates[].cpuPercent'
    value: number
    index: number
  }

  export interface RouteCandidatesMemoryPercentFieldEvent {
    field: '$.candidates[].memoryPercent'
    value: number
    index: number
  }

  export interface RouteCandidatesInFlightFieldEvent {
    field: '$.candidates[].inFlight'
    value: number
    index: number
  }

  export interface RouteCandidatesScoreFieldEvent {
    field: '$.candidates[].score'
    value: number
    index: number
  }

  export interface RouteCandidatesVerdictFieldEvent {
    field: '$.candidates[].verdict'
    value: number
    index: number
  }

  export interface RouteDecisionUsFieldEvent {
    field: '$.decisionUs'
    value: number
  }

  export function encode (obj: Partial<Route>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Route.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Route>): Route {
    return decodeMessage(buf, Route.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Route>): Generator<RouteDecisionFieldEvent | RouteExecutedByPeerIdFieldEvent | RouteExecutedByNameFieldEvent | RouteLatencyMsFieldEvent | RouteReasonFieldEvent | RouteStrategyFieldEvent | RouteFailedAttemptsPeerIdFieldEvent | RouteFailedAttemptsNameFieldEvent | RouteFailedAttemptsCodeFieldEvent | RouteFailedAttemptsMessageFieldEvent | RouteCandidatesPeerIdFieldEvent | RouteCandidatesNameFieldEvent | RouteCandidatesLatencyMsFieldEvent | RouteCandidatesCpuPercentFieldEvent | RouteCandidatesMemoryPercentFieldEvent | RouteCandidatesInFlightFieldEvent | RouteCandidatesScoreFieldEvent | RouteCandidatesVerdictFieldEvent | RouteDecisionUsFieldEvent> {
    return streamMessage(buf, Route.codec(), opts)
  }
}

export interface Load {
  cpuPercent: number
  memoryPercent: number
  inFlight: number
  overloaded: boolean
  drill: boolean
  sequence: number
  serviceCode: number
}

export namespace Load {
  let _codec: Codec<Load>

  export const codec = (): Codec<Load> => {
    if (_codec == null) {
      _codec = message<Load>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.cpuPercent != null && obj.cpuPercent !== 0)) {
          w.uint32(9)
          w.double(obj.cpuPercent)
        }

        if ((obj.memoryPercent != null && obj.memoryPercent !== 0)) {
          w.uint32(17)
          w.double(obj.memoryPercent)
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
          w.uint32(49)
          w.double(obj.sequence)
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
          cpuPercent: 0,
          memoryPercent: 0,
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
              obj.cpuPercent = reader.double()
              break
            }
            case 2: {
              obj.memoryPercent = reader.double()
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
              obj.sequence = reader.double()
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
                field: `${prefix}.cpuPercent`,
                value: reader.double()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.memoryPercent`,
                value: reader.double()
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
                value: reader.double()
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

  export interface LoadCpuPercentFieldEvent {
    field: '$.cpuPercent'
    value: number
  }

  export interface LoadMemoryPercentFieldEvent {
    field: '$.memoryPercent'
    value: number
  }

  export interface LoadInFlightFieldEvent {
    field: '$.inFlight'
    value: number
  }

  export interface LoadOverloadedFieldEvent {
    field: '$.overloaded'
    value: boolean
  }

  export interface LoadDrillFieldEvent {
    field: '$.drill'
    value: boolean
  }

  export interface LoadSequenceFieldEvent {
    field: '$.sequence'
    value: number
  }

  export interface LoadServiceCodeFieldEvent {
    field: '$.serviceCode'
    value: number
  }

  export function encode (obj: Partial<Load>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Load.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Load>): Load {
    return decodeMessage(buf, Load.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Load>): Generator<LoadCpuPercentFieldEvent | LoadMemoryPercentFieldEvent | LoadInFlightFieldEvent | LoadOverloadedFieldEvent | LoadDrillFieldEvent | LoadSequenceFieldEvent | LoadServiceCodeFieldEvent> {
    return streamMessage(buf, Load.codec(), opts)
  }
}

export interface Part {
  rows: number
  data: Uint8Array<ArrayBuffer>
  rawBytes?: number
}

export namespace Part {
  let _codec: Codec<Part>

  export const codec = (): Codec<Part> => {
    if (_codec == null) {
      _codec = message<Part>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.rows != null && obj.rows !== 0)) {
          w.uint32(8)
          w.uint32(obj.rows)
        }

        if ((obj.data != null && obj.data.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.data)
        }

        if (obj.rawBytes != null) {
          w.uint32(24)
          w.uint32(obj.rawBytes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          rows: 0,
          data: new Uint8Array(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.rows = reader.uint32()
              break
            }
            case 2: {
              obj.data = reader.bytes()
              break
            }
            case 3: {
              obj.rawBytes = reader.uint32()
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
                field: `${prefix}.rows`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.data`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.rawBytes`,
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

  export interface PartRowsFieldEvent {
    field: '$.rows'
    value: number
  }

  export interface PartDataFieldEvent {
    field: '$.data'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PartRawBytesFieldEvent {
    field: '$.rawBytes'
    value: number
  }

  export function encode (obj: Partial<Part>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Part.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Part>): Part {
    return decodeMessage(buf, Part.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Part>): Generator<PartRowsFieldEvent | PartDataFieldEvent | PartRawBytesFieldEvent> {
    return streamMessage(buf, Part.codec(), opts)
  }
}

export interface Response {
  id: number
  format: number
  header: Uint8Array<ArrayBuffer>
  route?: Route
  parts: Part[]
  end?: End
  compression?: number
}

export namespace Response {
  let _codec: Codec<Response>

  export const codec = (): Codec<Response> => {
    if (_codec == null) {
      _codec = message<Response>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.format != null && obj.format !== 0)) {
          w.uint32(16)
          w.uint32(obj.format)
        }

        if ((obj.header != null && obj.header.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.header)
        }

        if (obj.route != null) {
          w.uint32(34)
          Route.codec().encode(obj.route, w)
        }

        if (obj.parts != null && obj.parts.length > 0) {
          for (const value of obj.parts) {
            w.uint32(42)
            Part.codec().encode(value, w)
          }
        }

        if (obj.end != null) {
          w.uint32(50)
          End.codec().encode(obj.end, w)
        }

        if (obj.compression != null) {
          w.uint32(56)
          w.uint32(obj.compression)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          format: 0,
          header: new Uint8Array(0),
          parts: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.format = reader.uint32()
              break
            }
            case 3: {
              obj.header = reader.bytes()
              break
            }
            case 4: {
              obj.route = Route.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.route
              } as object)
              break
            }
            case 5: {
              if (opts.limits?.parts != null && obj.parts.length === opts.limits.parts) {
                throw new MaxLengthError('Decode error - repeated field "parts" had too many elements')
              }

              obj.parts.push(Part.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.parts$
              } as object))
              break
            }
            case 6: {
              obj.end = End.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.end
              } as object)
              break
            }
            case 7: {
              obj.compression = reader.uint32()
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
          parts: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.format`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.header`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield * Route.codec().stream(reader, reader.uint32(), `${prefix}.route`, {
                limits: opts.limits?.route
              } as object)

              break
            }
            case 5: {
              if (opts.limits?.parts != null && obj.parts === opts.limits.parts) {
                throw new MaxLengthError('Streaming decode error - repeated field "parts" had too many elements')
              }

              for (const evt of Part.codec().stream(reader, reader.uint32(), `${prefix}.parts[]`, {
                limits: opts.limits?.parts$
              } as object)) {
                yield {
                  ...evt,
                  index: obj.parts
                }
              }

              obj.parts++

              break
            }
            case 6: {
              yield * End.codec().stream(reader, reader.uint32(), `${prefix}.end`, {
                limits: opts.limits?.end
              } as object)

              break
            }
            case 7: {
              yield {
                field: `${prefix}.compression`,
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

  export interface ResponseIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface ResponseFormatFieldEvent {
    field: '$.format'
    value: number
  }

  export interface ResponseHeaderFieldEvent {
    field: '$.header'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ResponseRouteDecisionFieldEvent {
    field: '$.route.decision'
    value: number
  }

  export interface ResponseRouteExecutedByPeerIdFieldEvent {
    field: '$.route.executedByPeerId'
    value: string
  }

  export interface ResponseRouteExecutedByNameFieldEvent {
    field: '$.route.executedByName'
    value: string
  }

  export interface ResponseRouteLatencyMsFieldEvent {
    field: '$.route.latencyMs'
    value: number
  }

  export interface ResponseRouteReasonFieldEvent {
    field: '$.route.reason'
    value: string
  }

  export interface ResponseRouteStrategyFieldEvent {
    field: '$.route.strategy'
    value: string
  }

  export interface ResponseRouteFailedAttemptsPeerIdFieldEvent {
    field: '$.route.failedAttempts[].peerId'
    value: string
    index: number
  }

  export interface ResponseRouteFailedAttemptsNameFieldEvent {
    field: '$.route.failedAttempts[].name'
    value: string
    index: number
  }

  export interface ResponseRouteFailedAttemptsCodeFieldEvent {
    field: '$.route.failedAttempts[].code'
    value: string
    index: number
  }

  export interface ResponseRouteFailedAttemptsMessageFieldEvent {
    field: '$.route.failedAttempts[].message'
    value: string
    index: number
  }

  export interface ResponseRouteCandidatesPeerIdFieldEvent {
    field: '$.route.candidates[].peerId'
    value: string
    index: number
  }

  export interface ResponseRouteCandidatesNameFieldEvent {
    field: '$.route.candidates[].name'
    value: string
    index: number
  }

  export interface ResponseRouteCandidatesLatencyMsFieldEvent {
    field: '$.route.candidates[].latencyMs'
    value: number
    index: number
  }

  export interface ResponseRouteCandidatesCpuPercentFieldEvent {
    field: '$.route.candidates[].cpuPercent'
    value: number
    index: number
  }

  export interface ResponseRouteCandidatesMemoryPercentFieldEvent {
    field: '$.route.candidates[].memoryPercent'
    value: number
    index: number
  }

  export interface ResponseRouteCandidatesInFlightFieldEvent {
    field: '$.route.candidates[].inFlight'
    value: number
    index: number
  }

  export interface ResponseRouteCandidatesScoreFieldEvent {
    field: '$.route.candidates[].score'
    value: number
    index: number
  }

  export interface ResponseRouteCandidatesVerdictFieldEvent {
    field: '$.route.candidates[].verdict'
    value: number
    index: number
  }

  export interface ResponseRouteDecisionUsFieldEvent {
    field: '$.route.decisionUs'
    value: number
  }

  export interface ResponsePartsRowsFieldEvent {
    field: '$.parts[].rows'
    value: number
    index: number
  }

  export interface ResponsePartsDataFieldEvent {
    field: '$.parts[].data'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResponsePartsRawBytesFieldEvent {
    field: '$.parts[].rawBytes'
    value: number
    index: number
  }

  export interface ResponseEndIdFieldEvent {
    field: '$.end.id'
    value: number
  }

  export interface ResponseEndRowsFieldEvent {
    field: '$.end.rows'
    value: number
  }

  export interface ResponseEndEngineMsFieldEvent {
    field: '$.end.engineMs'
    value: number
  }

  export interface ResponseEndLoadCpuPercentFieldEvent {
    field: '$.end.load.cpuPercent'
    value: number
  }

  export interface ResponseEndLoadMemoryPercentFieldEvent {
    field: '$.end.load.memoryPercent'
    value: number
  }

  export interface ResponseEndLoadInFlightFieldEvent {
    field: '$.end.load.inFlight'
    value: number
  }

  export interface ResponseEndLoadOverloadedFieldEvent {
    field: '$.end.load.overloaded'
    value: boolean
  }

  export interface ResponseEndLoadDrillFieldEvent {
    field: '$.end.load.drill'
    value: boolean
  }

  export interface ResponseEndLoadSequenceFieldEvent {
    field: '$.end.load.sequence'
    value: number
  }

  export interface ResponseEndLoadServiceCodeFieldEvent {
    field: '$.end.load.serviceCode'
    value: number
  }

  export interface ResponseEndInFlightFieldEvent {
    field: '$.end.inFlight'
    value: number
  }

  export interface ResponseCompressionFieldEvent {
    field: '$.compression'
    value: number
  }

  export function encode (obj: Partial<Response>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Response.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Response>): Response {
    return decodeMessage(buf, Response.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Response>): Generator<ResponseIdFieldEvent | ResponseFormatFieldEvent | ResponseHeaderFieldEvent | ResponseRouteDecisionFieldEvent | ResponseRouteExecutedByPeerIdFieldEvent | ResponseRouteExecutedByNameFieldEvent | ResponseRouteLatencyMsFieldEvent | ResponseRouteReasonFieldEvent | ResponseRouteStrategyFieldEvent | ResponseRouteFailedAttemptsPeerIdFieldEvent | ResponseRouteFailedAttemptsNameFieldEvent | ResponseRouteFailedAttemptsCodeFieldEvent | ResponseRouteFailedAttemptsMessageFieldEvent | ResponseRouteCandidatesPeerIdFieldEvent | ResponseRouteCandidatesNameFieldEvent | ResponseRouteCandidatesLatencyMsFieldEvent | ResponseRouteCandidatesCpuPercentFieldEvent | ResponseRouteCandidatesMemoryPercentFieldEvent | ResponseRouteCandidatesInFlightFieldEvent | ResponseRouteCandidatesScoreFieldEvent | ResponseRouteCandidatesVerdictFieldEvent | ResponseRouteDecisionUsFieldEvent | ResponsePartsRowsFieldEvent | ResponsePartsDataFieldEvent | ResponsePartsRawBytesFieldEvent | ResponseEndIdFieldEvent | ResponseEndRowsFieldEvent | ResponseEndEngineMsFieldEvent | ResponseEndLoadCpuPercentFieldEvent | ResponseEndLoadMemoryPercentFieldEvent | ResponseEndLoadInFlightFieldEvent | ResponseEndLoadOverloadedFieldEvent | ResponseEndLoadDrillFieldEvent | ResponseEndLoadSequenceFieldEvent | ResponseEndLoadServiceCodeFieldEvent | ResponseEndInFlightFieldEvent | ResponseCompressionFieldEvent> {
    return streamMessage(buf, Response.codec(), opts)
  }
}

export interface Batch {
  id: number
  rows: number
  data: Uint8Array<ArrayBuffer>
  more: boolean
  rawBytes?: number
}

export namespace Batch {
  let _codec: Codec<Batch>

  export const codec = (): Codec<Batch> => {
    if (_codec == null) {
      _codec = message<Batch>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.rows != null && obj.rows !== 0)) {
          w.uint32(16)
          w.uint32(obj.rows)
        }

        if ((obj.data != null && obj.data.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.data)
        }

        if ((obj.more != null && obj.more !== false)) {
          w.uint32(32)
          w.bool(obj.more)
        }

        if (obj.rawBytes != null) {
          w.uint32(40)
          w.uint32(obj.rawBytes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          rows: 0,
          data: new Uint8Array(0),
          more: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.rows = reader.uint32()
              break
            }
            case 3: {
              obj.data = reader.bytes()
              break
            }
            case 4: {
              obj.more = reader.bool()
              break
            }
            case 5: {
              obj.rawBytes = reader.uint32()
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
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.rows`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.data`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.more`,
                value: reader.bool()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.rawBytes`,
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

  export interface BatchIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface BatchRowsFieldEvent {
    field: '$.rows'
    value: number
  }

  export interface BatchDataFieldEvent {
    field: '$.data'
    value: Uint8Array<ArrayBuffer>
  }

  export interface BatchMoreFieldEvent {
    field: '$.more'
    value: boolean
  }

  export interface BatchRawBytesFieldEvent {
    field: '$.rawBytes'
    value: number
  }

  export function encode (obj: Partial<Batch>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Batch.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Batch>): Batch {
    return decodeMessage(buf, Batch.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Batch>): Generator<BatchIdFieldEvent | BatchRowsFieldEvent | BatchDataFieldEvent | BatchMoreFieldEvent | BatchRawBytesFieldEvent> {
    return streamMessage(buf, Batch.codec(), opts)
  }
}

export interface End {
  id: number
  rows: number
  engineMs: number
  load?: Load
  inFlight: number
}

export namespace End {
  let _codec: Codec<End>

  export const codec = (): Codec<End> => {
    if (_codec == null) {
      _codec = message<End>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.rows != null && obj.rows !== 0)) {
          w.uint32(17)
          w.double(obj.rows)
        }

        if ((obj.engineMs != null && obj.engineMs !== 0)) {
          w.uint32(25)
          w.double(obj.engineMs)
        }

        if (obj.load != null) {
          w.uint32(34)
          Load.codec().encode(obj.load, w)
        }

        if ((obj.inFlight != null && obj.inFlight !== 0)) {
          w.uint32(40)
          w.uint32(obj.inFlight)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          rows: 0,
          engineMs: 0,
          inFlight: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.rows = reader.double()
              break
            }
            case 3: {
              obj.engineMs = reader.double()
              break
            }
            case 4: {
              obj.load = Load.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.load
              } as object)
              break
            }
            case 5: {
              obj.inFlight = reader.uint32()
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
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.rows`,
                value: reader.double()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.engineMs`,
                value: reader.double()
              }
              break
            }
            case 4: {
              yield * Load.codec().stream(reader, reader.uint32(), `${prefix}.load`, {
                limits: opts.limits?.load
              } as object)

              break
            }
            case 5: {
              yield {
                field: `${prefix}.inFlight`,
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

  export interface EndIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface EndRowsFieldEvent {
    field: '$.rows'
    value: number
  }

  export interface EndEngineMsFieldEvent {
    field: '$.engineMs'
    value: number
  }

  export interface EndLoadCpuPercentFieldEvent {
    field: '$.load.cpuPercent'
    value: number
  }

  export interface EndLoadMemoryPercentFieldEvent {
    field: '$.load.memoryPercent'
    value: number
  }

  export interface EndLoadInFlightFieldEvent {
    field: '$.load.inFlight'
    value: number
  }

  export interface EndLoadOverloadedFieldEvent {
    field: '$.load.overloaded'
    value: boolean
  }

  export interface EndLoadDrillFieldEvent {
    field: '$.load.drill'
    value: boolean
  }

  export interface EndLoadSequenceFieldEvent {
    field: '$.load.sequence'
    value: number
  }

  export interface EndLoadServiceCodeFieldEvent {
    field: '$.load.serviceCode'
    value: number
  }

  export interface EndInFlightFieldEvent {
    field: '$.inFlight'
    value: number
  }

  export function encode (obj: Partial<End>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, End.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<End>): End {
    return decodeMessage(buf, End.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<End>): Generator<EndIdFieldEvent | EndRowsFieldEvent | EndEngineMsFieldEvent | EndLoadCpuPercentFieldEvent | EndLoadMemoryPercentFieldEvent | EndLoadInFlightFieldEvent | EndLoadOverloadedFieldEvent | EndLoadDrillFieldEvent | EndLoadSequenceFieldEvent | EndLoadServiceCodeFieldEvent | EndInFlightFieldEvent> {
    return streamMessage(buf, End.codec(), opts)
  }
}

export interface Failure {
  id: number
  code: string
  message: string
  nextStep: string
  details: string
  started: boolean
}

export namespace Failure {
  let _codec: Codec<Failure>

  export const codec = (): Codec<Failure> => {
    if (_codec == null) {
      _codec = message<Failure>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.code != null && obj.code !== '')) {
          w.uint32(18)
          w.string(obj.code)
        }

        if ((obj.message != null && obj.message !== '')) {
          w.uint32(26)
          w.string(obj.message)
        }

        if ((obj.nextStep != null && obj.nextStep !== '')) {
          w.uint32(34)
          w.string(obj.nextStep)
        }

        if ((obj.details != null && obj.details !== '')) {
          w.uint32(42)
          w.string(obj.details)
        }

        if ((obj.started != null && obj.started !== false)) {
          w.uint32(48)
          w.bool(obj.started)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          code: '',
          message: '',
          nextStep: '',
          details: '',
          started: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.code = reader.string()
              break
            }
            case 3: {
              obj.message = reader.string()
              break
            }
            case 4: {
              obj.nextStep = reader.string()
              break
            }
            case 5: {
              obj.details = reader.string()
              break
            }
            case 6: {
              obj.started = reader.bool()
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
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.code`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.message`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.nextStep`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.details`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.started`,
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

  export interface FailureIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface FailureCodeFieldEvent {
    field: '$.code'
    value: string
  }

  export interface FailureMessageFieldEvent {
    field: '$.message'
    value: string
  }

  export interface FailureNextStepFieldEvent {
    field: '$.nextStep'
    value: string
  }

  export interface FailureDetailsFieldEvent {
    field: '$.details'
    value: string
  }

  export interface FailureStartedFieldEvent {
    field: '$.started'
    value: boolean
  }

  export function encode (obj: Partial<Failure>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Failure.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Failure>): Failure {
    return decodeMessage(buf, Failure.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Failure>): Generator<FailureIdFieldEvent | FailureCodeFieldEvent | FailureMessageFieldEvent | FailureNextStepFieldEvent | FailureDetailsFieldEvent | FailureStartedFieldEvent> {
    return streamMessage(buf, Failure.codec(), opts)
  }
}

export interface Credit {
  id: number
  bytes: number
}

export namespace Credit {
  let _codec: Codec<Credit>

  export const codec = (): Codec<Credit> => {
    if (_codec == null) {
      _codec = message<Credit>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if ((obj.bytes != null && obj.bytes !== 0)) {
          w.uint32(16)
          w.uint32(obj.bytes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          bytes: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.bytes = reader.uint32()
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
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.bytes`,
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

  export interface CreditIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface CreditBytesFieldEvent {
    field: '$.bytes'
    value: number
  }

  export function encode (obj: Partial<Credit>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Credit.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Credit>): Credit {
    return decodeMessage(buf, Credit.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Credit>): Generator<CreditIdFieldEvent | CreditBytesFieldEvent> {
    return streamMessage(buf, Credit.codec(), opts)
  }
}

export interface Cancel {
  id: number
}

export namespace Cancel {
  let _codec: Codec<Cancel>

  export const codec = (): Codec<Cancel> => {
    if (_codec == null) {
      _codec = message<Cancel>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
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
                field: `${prefix}.id`,
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

  export interface CancelIdFieldEvent {
    field: '$.id'
    value: number
  }

  export function encode (obj: Partial<Cancel>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Cancel.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Cancel>): Cancel {
    return decodeMessage(buf, Cancel.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Cancel>): Generator<CancelIdFieldEvent> {
    return streamMessage(buf, Cancel.codec(), opts)
  }
}

export interface Attach {
  wireVersion: number
  token: Uint8Array<ArrayBuffer>
  id: number
  credit: number
}

export namespace Attach {
  let _codec: Codec<Attach>

  export const codec = (): Codec<Attach> => {
    if (_codec == null) {
      _codec = message<Attach>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.wireVersion != null && obj.wireVersion !== 0)) {
          w.uint32(8)
          w.uint32(obj.wireVersion)
        }

        if ((obj.token != null && obj.token.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.token)
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(24)
          w.uint32(obj.id)
        }

        if ((obj.credit != null && obj.credit !== 0)) {
          w.uint32(32)
          w.uint32(obj.credit)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          wireVersion: 0,
          token: new Uint8Array(0),
          id: 0,
          credit: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.wireVersion = reader.uint32()
              break
            }
            case 2: {
              obj.token = reader.bytes()
              break
            }
            case 3: {
              obj.id = reader.uint32()
              break
            }
            case 4: {
              obj.credit = reader.uint32()
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
                field: `${prefix}.wireVersion`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.token`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.credit`,
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

  export interface AttachWireVersionFieldEvent {
    field: '$.wireVersion'
    value: number
  }

  export interface AttachTokenFieldEvent {
    field: '$.token'
    value: Uint8Array<ArrayBuffer>
  }

  export interface AttachIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface AttachCreditFieldEvent {
    field: '$.credit'
    value: number
  }

  export function encode (obj: Partial<Attach>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Attach.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Attach>): Attach {
    return decodeMessage(buf, Attach.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Attach>): Generator<AttachWireVersionFieldEvent | AttachTokenFieldEvent | AttachIdFieldEvent | AttachCreditFieldEvent> {
    return streamMessage(buf, Attach.codec(), opts)
  }
}
