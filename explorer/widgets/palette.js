// The palette of the reader's choice, kept in a cookie: the app reads it with the first request, before it draws.

export default function ({ data }) {
  document.cookie = `${data.cookie}=${data.palette}; path=/; max-age=${400 * 24 * 3600}; samesite=lax`;
}
