package okhttp3

import java.io.IOException
import java.io.InputStream
import java.util.concurrent.TimeUnit

/** What the documents use of OkHttp 5, for the compiler: Debian has version 3. */
abstract class OkHttpClient {
    abstract fun newBuilder(): Builder

    abstract fun newCall(request: Request): Call

    abstract class Builder {
        abstract fun followRedirects(followRedirects: Boolean): Builder

        abstract fun retryOnConnectionFailure(retryOnConnectionFailure: Boolean): Builder

        abstract fun callTimeout(timeout: Long, unit: TimeUnit): Builder

        abstract fun cookieJar(cookieJar: CookieJar): Builder

        abstract fun authenticator(authenticator: Authenticator): Builder

        abstract fun cache(cache: Cache?): Builder

        abstract fun readTimeout(timeout: Long, unit: TimeUnit): Builder

        abstract fun build(): OkHttpClient
    }
}

abstract class CookieJar {
    companion object {
        @JvmField
        val NO_COOKIES: CookieJar = object : CookieJar() {}
    }
}

abstract class Authenticator {
    companion object {
        @JvmField
        val NONE: Authenticator = object : Authenticator() {}
    }
}

abstract class Cache

interface Call {
    fun enqueue(responseCallback: Callback)

    fun cancel()
}

interface Callback {
    fun onFailure(call: Call, e: IOException)

    @Throws(IOException::class)
    fun onResponse(call: Call, response: Response)
}

abstract class Headers {
    companion object {
        fun Map<String, String>.toHeaders(): Headers = throw UnsupportedOperationException("$this")
    }
}

abstract class RequestBody {
    companion object {
        fun ByteArray.toRequestBody(): RequestBody = throw UnsupportedOperationException("$this")
    }
}

abstract class Request {
    abstract class Base {
        abstract fun url(url: String): Base

        abstract fun headers(headers: Headers): Base

        abstract fun method(method: String, body: RequestBody?): Base

        abstract fun build(): Request
    }

    companion object {
        fun Builder(): Base = throw UnsupportedOperationException()
    }
}

abstract class ResponseBody {
    abstract fun byteStream(): InputStream
}

abstract class Response {
    abstract val code: Int
    abstract val body: ResponseBody

    abstract fun header(name: String, defaultValue: String? = null): String?

    abstract fun close()
}
