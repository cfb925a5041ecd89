/** What reading a record gives: its value, or why it cannot be read. Reading never throws, whatever the bytes. */

export interface FieldIssue {
  /** A dotted path into the record, such as `payload.price`; the empty text is the record itself. */
  readonly field: string;
  /** The rule's short name, such as `required`, `pattern`, `maximum`. */
  readonly rule: string;
  readonly message: string;
}

export type Decoded<T> =
  | { readonly kind: 'decoded'; readonly value: T }
  | { readonly kind: 'unreadable'; readonly reason: string; readonly errors: readonly FieldIssue[] };
