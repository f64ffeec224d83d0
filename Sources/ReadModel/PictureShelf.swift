/// Why a picture is not given.
public enum PictureRefusal: Error, Hashable, Sendable {
  /// There is none, and asking again does not help before what the sentence says has changed: 404 `no-picture`.
  case noPicture(String)
  /// Not now: too many wait already, or Hotplate is ending: 503 `busy`.
  case busy(String)
  /// The task that asked was cancelled; nobody is there to be told.
  case cancelled
}

/// What shows pictures of published frames.
public protocol PictureShelf: Sendable {
  /// Which frames can be shown, and what their headers say; starts nothing.
  func pictures(of job: JobDetailView) async -> PicturesView

  /// A JPEG, 320 pixels wide; made now unless it was before.
  ///
  /// A cancelled task ends the making, unless another waits for the same picture, and returns when that has ended.
  func picture(_ choice: PictureChoice, of job: JobDetailView) async throws(PictureRefusal)
    -> [UInt8]
}
