/// How long a client's connection waits for what.
package struct ConnectionTimes: Sendable {
    /// A client between two requests: longer than the 75 s that reverse proxies keep a connection, so that they close
    /// first.
    package var idle = Duration.seconds(90)
    /// The first byte of a request to the end of its head.
    package var head = Duration.seconds(15)
    /// The end of a head to the end of the body.
    package var body = Duration.seconds(30)
    /// The last answer to the end of the connection, for a client that still sends.
    package var linger = Duration.seconds(2)
    /// A client that does not read what was written to it, until some of it is read.
    package var write = Duration.seconds(30)
    /// A client that reads, and never catches up.
    package var behind = Duration.seconds(600)
    /// A relayed answer to a client that reads slowly, in all.
    package var answer = Duration.seconds(120)
    /// A silent connection, once the service stops: whoever has just opened it, or taken it from a pool, is about to
    /// send a request, and would get a reset for an answer.
    package var farewell = Duration.milliseconds(500)
    /// How often all these are looked at.
    package var tick = Duration.milliseconds(250)

    package init() {}
}
