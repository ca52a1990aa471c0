package import Core

/// Why a call that changes something has no good answer.
///
/// Such a call is sent once, and never again once bytes were sent.
package enum WriteFailure: Error, Hashable, Sendable {
    /// Flatpeak did nothing: the call was not sent, or it was refused.
    case refused(BFFError)
    /// The call was sent, and whether Flatpeak did what it asks for is not known.
    case unknown(BFFError)

    package var error: BFFError {
        switch self {
        case .refused(let error), .unknown(let error): error
        }
    }
}
