/** What the lab cannot do here and now, in words for whoever runs it. */
export class LabError extends Error {
  override readonly name = 'LabError'
}
