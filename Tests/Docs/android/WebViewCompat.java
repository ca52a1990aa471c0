package androidx.webkit;

import android.net.Uri;
import android.webkit.WebView;
import java.util.Set;

/** In Java, as Android's own, so that Kotlin takes a closure for the listener. */
public abstract class WebViewCompat {
    public interface WebMessageListener {
        void onPostMessage(
            WebView view, WebMessageCompat message, Uri sourceOrigin, boolean isMainFrame, JavaScriptReplyProxy replyProxy);
    }

    public interface WebMessageCompat {
        String getData();
    }

    public interface JavaScriptReplyProxy {}

    public static void addWebMessageListener(
        WebView view, String name, Set<String> origins, WebMessageListener listener) {}
}
