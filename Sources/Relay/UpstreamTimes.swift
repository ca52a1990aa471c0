/// How long a connection to upstream waits for what.
package struct UpstreamTimes: Sendable {
    /// Until it is made, its handshake included.
    package var connect = Duration.seconds(2)
    /// While unused: load balancers commonly keep theirs for 60 s and must not close first.
    package var idle = Duration.seconds(45)
    /// In all, so that a change of the host's address is followed.
    package var age = Duration.seconds(600)

    package init() {}
}
