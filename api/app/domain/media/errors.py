"""What can go wrong with an upload. Nothing was charged in any of these cases: uploads cost nothing."""

from app.core.errors import ProviderNotConfiguredError, RassomError

_ACCEPTED = "JPEG, PNG and WebP pictures are accepted"


class UploadNotConfiguredError(ProviderNotConfiguredError):
    """No provider key: 400 here, as the specification says, where a submit answers 503 under the same code."""

    status = 400


class UploadTooLargeError(RassomError):
    """More bytes or more pixels than are taken."""

    code = "upload_too_large"
    status = 413
    title = "The picture is too large"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class UnsupportedMediaTypeError(RassomError):
    """Not a form with a file, or not a picture of a kind we take, by its bytes."""

    code = "unsupported_media_type"
    status = 415
    title = "This is not a picture that can be used"

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; {_ACCEPTED}, sent as multipart/form-data in the field `file`.")


class UploadInvalidError(RassomError):
    """The form is not one field `file` with a file in it."""

    code = "validation_error"
    status = 422
    title = "The request is not valid"

    def __init__(self, message: str, *, field: str = "file") -> None:
        super().__init__(f"{field}: {message}", errors=[{"field": field, "message": message}])


class UploadRefusedError(RassomError):
    """The provider answered that it does not take this file."""

    code = "provider_error"
    status = 502
    title = "The image provider refused the upload"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The image provider did not take this file: {reason}")
