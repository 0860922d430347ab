/** What sessions count, for metrics: plain numbers that only grow, read when somebody asks. One object per bridge. */
export class SessionCounters {
  /** Times that a session fell so far behind that its deliveries had to wait. */
  lagging = 0
  /** MESSAGEs left out for clients that read too slowly, those that a newer one replaced included. */
  dropped = 0
  /** Sessions ended because they read too slowly. */
  disconnected = 0
}
