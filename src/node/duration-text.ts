/** `0.4ms`, `45ms`, `1.2s`, `3m 5s`, `2h 10m`, `4d 3h`: how durations are written for people, in tables, events and the log. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))}ms`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`
  const seconds = Math.round(ms / 1000)
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60]
  if (days > 0) return `${days}d ${hours}h`
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${seconds % 60}s`
}
