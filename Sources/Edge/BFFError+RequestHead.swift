import Core
import Wire

extension BFFError {
    /// The error of a head that cannot be read.
    init(_ fault: RequestHead.Fault) {
        self =
            switch fault {
            case .malformed: .malformedHeader
            case .tooLarge: .headersTooLarge
            case .targetTooLong: .targetTooLong
            case .methodUnknown: .methodUnknown
            }
    }
}
