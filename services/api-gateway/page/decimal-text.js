/** Decimals as text: grouped, compared and multiplied without ever becoming a float. */
const DECIMAL = /^-?[0-9]+(\.[0-9]+)?$/;

function scaled(text) {
  const [whole, fraction = ''] = text.split('.');
  return { units: BigInt(whole + fraction), places: fraction.length };
}

export function isDecimal(text) {
  return DECIMAL.test(text);
}

/** -1, 0 or 1. */
export function compareDecimals(left, right) {
  const a = scaled(left);
  const b = scaled(right);
  const places = BigInt(Math.max(a.places, b.places));
  const difference =
    a.units * 10n ** (places - BigInt(a.places)) - b.units * 10n ** (places - BigInt(b.places));
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

/** The exact product, cut to at most nine places. */
export function multiplyDecimals(left, right) {
  const a = scaled(left);
  const b = scaled(right);
  let units = a.units * b.units;
  let places = a.places + b.places;
  while (places > 9) {
    units /= 10n;
    places -= 1;
  }
  const negative = units < 0n;
  const digits = String(negative ? -units : units).padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  return `${negative ? '-' : ''}${whole}${places === 0 ? '' : `.${digits.slice(-places)}`}`;
}

/** With thousands grouped, and between `least` and `most` places; further places are cut, not rounded. */
export function showDecimal(text, least = 0, most = 9) {
  if (text === null || text === undefined || !isDecimal(text)) return '–';
  const negative = text.startsWith('-');
  const [whole, fraction = ''] = (negative ? text.slice(1) : text).split('.');
  const grouped = whole.replace(/\B(?=([0-9]{3})+$)/g, '\u202f');
  const kept = fraction.slice(0, most).replace(/0+$/, '').padEnd(least, '0');
  return `${negative ? '−' : ''}${grouped}${kept === '' ? '' : `.${kept}`}`;
}

export const showMoney = (text) => showDecimal(text, 2, 2);
export const showPrice = (text) => showDecimal(text, 2, 6);
