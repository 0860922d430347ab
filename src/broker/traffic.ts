/**
 * What passes between clients and brokers, counted for metrics: numbers that only grow, read when somebody asks. What is counted for every message
 * is a field of an object that is at hand; nothing here is looked up by a name that a client chose.
 *
 * Routes and brokers are known by the names that the operator gave them, so that their numbers go on across a reload.
 */
import { BODY_BYTES, Histogram, MICROSECONDS } from './histogram.ts'

/** Of one broker. */
export class BrokerTraffic {
  /** The key under `brokers:`. */
  readonly name: string
  /** Deliveries that have come from it; one that many clients share is one. */
  deliveries = 0
  /** Microseconds between a publish and its confirm; what was refused is not in it. */
  readonly confirms = new Histogram(MICROSECONDS)
  /** Microseconds between a delivery and the moment when the kernel has taken its MESSAGEs, of clients that keep up. */
  readonly departures = new Histogram(MICROSECONDS)
  /** Bytes of the bodies that were published, and that were delivered. */
  readonly published = new Histogram(BODY_BYTES)
  readonly delivered = new Histogram(BODY_BYTES)

  constructor(name: string) {
    this.name = name
  }

  /** A delivery has come. @param bytes of its body */
  arrived(bytes: number): void {
    this.deliveries++
    this.delivered.observe(bytes)
  }
}

/** Of one route. */
export class RouteTraffic {
  readonly broker: BrokerTraffic
  /** The destination pattern as the operator wrote it. */
  readonly pattern: string
  /** SENDs that were handed to the broker. */
  published = 0
  /** MESSAGEs that were written to clients. */
  written = 0

  constructor(broker: BrokerTraffic, pattern: string) {
    this.broker = broker
    this.pattern = pattern
  }

  /** A SEND goes to the broker. @param bytes of its body */
  publishes(bytes: number): void {
    this.published++
    this.broker.published.observe(bytes)
  }
}

/** One object for each broker and route that this process has ever had: as many as its configurations name. */
export class TrafficBook {
  readonly #brokers = new Map<string, BrokerTraffic>()
  readonly #routes = new Map<string, RouteTraffic>()

  get brokers(): Iterable<BrokerTraffic> {
    return this.#brokers.values()
  }

  get routes(): Iterable<RouteTraffic> {
    return this.#routes.values()
  }

  /** The same object for the same name. */
  broker(name: string): BrokerTraffic {
    const known = this.#brokers.get(name)
    if (known !== undefined) return known
    const made = new BrokerTraffic(name)
    this.#brokers.set(name, made)
    return made
  }

  /** The same object for the same names. @param pattern of its destination */
  route(broker: string, pattern: string): RouteTraffic {
    const key = `${broker}\0${pattern}`
    const known = this.#routes.get(key)
    if (known !== undefined) return known
    const made = new RouteTraffic(this.broker(broker), pattern)
    this.#routes.set(key, made)
    return made
  }
}
