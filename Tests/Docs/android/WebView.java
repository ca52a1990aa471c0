package android.webkit;

public abstract class WebView {
    public interface WebSettings {
        boolean getJavaScriptEnabled();

        void setJavaScriptEnabled(boolean isEnabled);

        boolean getDomStorageEnabled();

        void setDomStorageEnabled(boolean isEnabled);
    }

    public abstract WebSettings getSettings();
}
