/**
 * How a result column is laid out on the wire, whatever the framing. The set is small: what Arrow has a layout for goes as that, the rest of
 * the engine's types as text, and `sqlType` tells a reader which it was.
 */

export type TimeUnit = 'second' | 'millisecond' | 'microsecond' | 'nanosecond'

export type Layout =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  /** 128-bit two's complement, scaled. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'utf8' }
  | { readonly kind: 'binary' }
  /** 32-bit days since 1970-01-01. */
  | { readonly kind: 'date' }
  /** 64-bit since midnight. */
  | { readonly kind: 'time'; readonly unit: 'microsecond' | 'nanosecond' }
  /** 64-bit since 1970-01-01T00:00:00. */
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit; readonly zoned: boolean }
  | { readonly kind: 'list' }
  | { readonly kind: 'fixed-list'; readonly size: number }
  | { readonly kind: 'struct' }
  /** One child: a struct of key and value. */
  | { readonly kind: 'map' }
  /** Sparse: a type index a row and children of full length; never null itself, its active child is. */
  | { readonly kind: 'union' }

export interface ColumnField {
  readonly name: string
  /** The engine's name of the type. */
  readonly sqlType: string
  readonly layout: Layout
  readonly children: readonly ColumnField[]
}

/** Rows of one column. Every array is a view: bytes beyond what `length` needs may follow. */
export interface ColumnData {
  readonly length: number
  readonly nullCount: number
  /** One bit a row, least significant first, set where a value is; null when every row has one. */
  readonly validity: Uint8Array | null
  /** `length + 1` positions into `data` (utf8, binary) or the child (list, map). */
  readonly offsets: Int32Array | null
  /** Fixed-width values, packed bits of a bool, text and blob bytes, or a union's type indexes. */
  readonly data: Uint8Array | null
  readonly children: readonly ColumnData[]
}

/** Width of one value in `data`; 0 for those without a fixed one. */
export function fixedWidthBytes(layout: Layout): number {
  switch (layout.kind) {
    case 'int':
    case 'float':
      return layout.bits / 8
    case 'decimal':
      return 16
    case 'date':
      return 4
    case 'time':
    case 'timestamp':
      return 8
    case 'union':
      return 1
    case 'null':
    case 'bool':
    case 'utf8':
    case 'binary':
    case 'list':
    case 'fixed-list':
    case 'struct':
    case 'map':
      return 0
  }
}

export function hasOffsets(layout: Layout): boolean {
  return layout.kind === 'utf8' || layout.kind === 'binary' || layout.kind === 'list' || layout.kind === 'map'
}

/** How many rows a child of the column has, given the column's own. */
export function childLength(layout: Layout, length: number, offsets: Int32Array | null): number {
  if (layout.kind === 'fixed-list') return length * layout.size
  if (layout.kind === 'list' || layout.kind === 'map') return offsets?.[length] ?? 0
  return length
}

/** How many children the layout asks for; null when any number will do. */
export function childCount(layout: Layout): number | null {
  if (layout.kind === 'struct' || layout.kind === 'union') return null
  return layout.kind === 'list' || layout.kind === 'fixed-list' || layout.kind === 'map' ? 1 : 0
}

/** Bounds against a garbled or hostile header. */
export const FIELDS_MAX = 65_536
export const FIELD_DEPTH_MAX = 64
/** Rows of a batch, and items of its nested columns: positions are 32-bit. */
export const ITEMS_MAX = 0x7fff_fff0
/** Rows of a column that takes no bytes for them, so that a few bytes cannot claim billions. */
export const EMPTY_ITEMS_MAX = 1 << 24

/** Whether a column of this many rows can be believed, given that it takes no bytes itself or through its children. */
export function isPlausibleLength(field: ColumnField, length: number): boolean {
  const takesBytes = field.layout.kind !== 'null' && (field.layout.kind !== 'struct' || field.children.length > 0)
  return length <= (takesBytes ? ITEMS_MAX : EMPTY_ITEMS_MAX)
}
